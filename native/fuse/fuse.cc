#include "fuse.h"
#include "isolated-thread.h"

static Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
    try {
        env.SetInstanceData(new xos::FuseState(env));
    } catch (const xos::SystemFailure &failure) {
        throw xos::ToError(env, failure);
    }
    xos::ExportDevice(exports);
    xos::ExportMount(exports);
    xos::ExportWatch(exports);
    xos::ExportIsolated(exports);
    return exports;
}

NODE_API_MODULE(fuse, Initialize)
