#include "sys.h"
#include <sys/syscall.h>

namespace xos {

static Napi::Value PidfdOpen(const Napi::CallbackInfo &info) {
    int64_t pid = Integer(info[0], "pid", 1, std::numeric_limits<pid_t>::max());
    // Close-on-exec by itself (pidfd_open(2)).
    long descriptor = syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0);
    if (descriptor < 0)
        throw SystemFailure(errno, "pidfd_open", {}, Describe(errno) + (", process " + std::to_string(pid)));
    return Napi::Number::New(info.Env(), static_cast<double>(descriptor));
}

static Napi::Value PidfdSendSignal(const Napi::CallbackInfo &info) {
    int descriptor = Descriptor(info[0]);
    int signal = static_cast<int>(Integer(info[1], "signal", 0, 64));
    if (syscall(SYS_pidfd_send_signal, descriptor, signal, nullptr, 0) != 0)
        throw SystemFailure(errno, "pidfd_send_signal");
    return info.Env().Undefined();
}

void ExportProcess(Napi::Object exports) {
    Export<PidfdOpen>(exports, "pidfdOpen");
    Export<PidfdSendSignal>(exports, "pidfdSendSignal");
}

} // namespace xos
