#include "sys.h"
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/syscall.h>

namespace xos {

constexpr size_t mostPathBytes = 4095;
// openat2(2) asks to try again when a rename elsewhere could have led out of the directory.
constexpr int mostAttempts = 32;

static Napi::Value OpenBeneath(const Napi::CallbackInfo &info) {
    Napi::Env env = info.Env();
    UniqueDescriptor opened;
    int directory = -1;
    bool byPath = info[0].IsString();
    std::string directoryPath;
    if (byPath)
        directoryPath = Text(info[0], "directory", mostPathBytes);
    else if (info[0].IsNumber())
        directory = Descriptor(info[0], "directory");
    else
        throw Napi::TypeError::New(env, "directory must be a path or a descriptor");
    std::string path = Text(info[1], "path", mostPathBytes);
    int64_t flags = Integer(info[2], "flags", 0, std::numeric_limits<int>::max());
    int64_t mode = Integer(info[3], "mode", 0, 07777);
    if (byPath) {
        opened = UniqueDescriptor(open(directoryPath.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!opened.IsOpen())
            throw SystemFailure(errno, "open", directoryPath);
        directory = opened.Get();
    }

    open_how how{};
    how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC;
    // O_PATH opens nothing that could block, and openat2 refuses other flags beside it.
    if ((flags & O_PATH) == 0)
        how.flags |= O_NOCTTY | O_NONBLOCK;
    bool creates = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
    how.mode = creates ? static_cast<uint64_t>(mode) : 0;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    long result;
    int attempts = 0;
    do
        result = syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how);
    while (result < 0 && (errno == EAGAIN || errno == EINTR) && ++attempts < mostAttempts);
    if (result < 0)
        throw SystemFailure(errno, "openat2", byPath ? directoryPath + "/" + path : path);
    return Napi::Number::New(env, static_cast<double>(result));
}

static Napi::Value SetCloseOnExec(const Napi::CallbackInfo &info) {
    int descriptor = Descriptor(info[0]);
    int flags = fcntl(descriptor, F_GETFD);
    if (flags < 0 || fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC) != 0)
        throw SystemFailure(errno, "fcntl");
    return info.Env().Undefined();
}

static Napi::Value Memfd(const Napi::CallbackInfo &info) {
    std::string name = Text(info[0], "name", 249);
    int descriptor = memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (descriptor < 0)
        throw SystemFailure(errno, "memfd_create", name);
    return Napi::Number::New(info.Env(), descriptor);
}

static Napi::Value AddSeals(const Napi::CallbackInfo &info) {
    int descriptor = Descriptor(info[0]);
    int seals = static_cast<int>(Integer(info[1], "seals", 0, std::numeric_limits<int>::max()));
    if (fcntl(descriptor, F_ADD_SEALS, seals) != 0)
        throw SystemFailure(errno, "fcntl");
    return info.Env().Undefined();
}

static Napi::Value GetSeals(const Napi::CallbackInfo &info) {
    int seals = fcntl(Descriptor(info[0]), F_GET_SEALS);
    if (seals < 0)
        throw SystemFailure(errno, "fcntl");
    return Napi::Number::New(info.Env(), seals);
}

void ExportFile(Napi::Object exports) {
    Export<OpenBeneath>(exports, "openBeneath");
    Export<SetCloseOnExec>(exports, "setCloseOnExec");
    Export<Memfd>(exports, "memfd");
    Export<AddSeals>(exports, "addSeals");
    Export<GetSeals>(exports, "getSeals");
}

} // namespace xos
