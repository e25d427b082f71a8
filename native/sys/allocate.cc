#include "sys.h"
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <vector>

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

constexpr uint32_t most_extents = 4096;

class ExtentsWork : public ThreadWork {
  public:
    ExtentsWork(int descriptor, uint64_t from)
        : descriptor_(descriptor), from_(from),
          // In words of 8 bytes, for the alignment.
          map_((sizeof(fiemap) + most_extents * sizeof(fiemap_extent)) / 8) {}

    void Execute(int) override {
        auto *map = Map();
        map->fm_start = from_;
        map->fm_length = FIEMAP_MAX_OFFSET - from_;
        map->fm_extent_count = most_extents;
        int result;
        do
            result = ioctl(descriptor_, FS_IOC_FIEMAP, map);
        while (result != 0 && errno == EINTR);
        if (result != 0)
            throw SystemFailure(errno == ENOTTY ? EOPNOTSUPP : errno, "ioctl");
    }
    Napi::Value Result(Napi::Env env) override {
        auto *map = Map();
        auto result = Napi::Float64Array::New(env, map->fm_mapped_extents * 2);
        for (uint32_t index = 0; index < map->fm_mapped_extents; index++) {
            auto &extent = map->fm_extents[index];
            result[index * 2] = static_cast<double>(extent.fe_logical);
            result[index * 2 + 1] = static_cast<double>(extent.fe_logical + extent.fe_length);
        }
        return result;
    }

  private:
    fiemap *Map() {
        return reinterpret_cast<fiemap *>(map_.data());
    }

    int descriptor_;
    uint64_t from_;
    std::vector<uint64_t> map_;
};

Napi::Value AllocatedExtents(const Napi::CallbackInfo &info) {
    int descriptor = Descriptor(info[0]);
    constexpr int64_t most = (int64_t{1} << 53) - 1;
    auto from = Integer(info[1], "from", 0, most);
    auto work = std::make_unique<ExtentsWork>(descriptor, from);
    return info.Env().GetInstanceData<SysState>()->threads.Submit(info.Env(), std::move(work));
}

} // namespace

void ExportAllocate(Napi::Object exports) {
    Export<Fallocate>(exports, "fallocate");
    Export<AllocatedExtents>(exports, "allocatedExtents");
}

} // namespace xos
