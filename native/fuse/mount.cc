#include "fuse.h"
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

namespace xos {

constexpr size_t mostPathBytes = 4095;
constexpr size_t mostOptionBytes = 4000;

namespace {

class MountWork : public ThreadWork {
  public:
    std::string source, target, type, options;
    unsigned long flags = 0;

    void Execute(int) override {
        if (::mount(source.c_str(), target.c_str(), type.c_str(), flags, options.c_str()) != 0)
            throw SystemFailure(errno, "mount", target);
        // Asks nothing of the file system, which cannot answer before it has been initialized.
        struct statx found;
        if (statx(AT_FDCWD, target.c_str(), AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT | AT_SYMLINK_NOFOLLOW, 0,
                  &found) != 0)
            throw SystemFailure(errno, "statx", target);
        connection_ = found.stx_dev_minor;
    }
    Napi::Value Result(Napi::Env env) override {
        return Napi::Number::New(env, connection_);
    }

  private:
    uint32_t connection_ = 0;
};

} // namespace

// mount(source, target, type, flags, options): the number of the connection.
static Napi::Value Mount(const Napi::CallbackInfo &info) {
    auto work = std::make_unique<MountWork>();
    work->source = Text(info[0], "source", mostPathBytes);
    work->target = Text(info[1], "target", mostPathBytes);
    work->type = Text(info[2], "type", 64);
    work->flags = static_cast<unsigned long>(Integer(info[3], "flags", 0, std::numeric_limits<int>::max()));
    work->options = Text(info[4], "options", mostOptionBytes);
    return State(info.Env()).threads.Submit(info.Env(), std::move(work));
}

void ExportMount(Napi::Object exports) {
    Export<Mount>(exports, "mount");
}

} // namespace xos
