#include "sys.h"

static Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
    try {
        env.SetInstanceData(new xos::SysState(env));
    } catch (const xos::SystemFailure &failure) {
        throw xos::ToError(env, failure);
    }
    xos::ExportSocket(exports);
    xos::ExportMessage(exports);
    xos::ExportDatagram(exports);
    xos::ExportFile(exports);
    xos::ExportXattr(exports);
    xos::ExportProcess(exports);
    xos::ExportRehash(exports);
    xos::ExportChecksum(exports);
    xos::ExportAllocate(exports);
    xos::ExportCachedRead(exports);
    return exports;
}

NODE_API_MODULE(sys, Initialize)
