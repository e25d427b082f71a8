#include "sys.h"
#include <fcntl.h>

namespace xos {

namespace {

class AllocateWork : public ThreadWork {
  public:
    AllocateWork(int descriptor, int mode, off_t offset, off_t length)
        : descriptor_(descriptor), mode_(mode), offset_(offset), length_(length) {}

    void Execute(int) override {
        int result;
        do
            result = fallocate(descriptor_, mode_, offset_, length_);
        while (result != 0 && errno == EINTR);
        if (result != 0)
            throw SystemFailure(errno, "fallocate");
    }
    Napi::Value Result(Napi::Env env) override {
        return env.Undefined();
    }

  private:
    int descriptor_, mode_;
    off_t offset_, length_;
};

Napi::Value Fallocate(const Napi::CallbackInfo &info) {
    int descriptor = Descriptor(info[0]);
    std::string kind = Text(info[1], "kind", 16);
    int mode = kind == "reserve" ? FALLOC_FL_KEEP_SIZE
               : kind == "punch" ? FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
                                 : -1;
    if (mode < 0)
        throw Napi::RangeError::New(info.Env(), "kind must be reserve or punch");
    constexpr int64_t most = (int64_t{1} << 53) - 1;
    auto offset = Integer(info[2], "offset", 0, most);
    auto length = Integer(info[3], "length", 1, most);
    auto work = std::make_unique<AllocateWork>(descriptor, mode, offset, length);
    return info.Env().GetInstanceData<SysState>()->threads.Submit(info.Env(), std::move(work));
}

} // namespace

void ExportAllocate(Napi::Object exports) {
    Export<Fallocate>(exports, "fallocate");
}

} // namespace xos
