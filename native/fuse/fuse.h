#pragma once

#include "../argument.h"
#include "../system-error.h"
#include "../thread-work.h"
#include "../unique-descriptor.h"
#include <map>
#include <memory>
#include <napi.h>

namespace xos {

class IsolatedThread;
struct Watch;

// What one environment keeps.
struct FuseState {
    explicit FuseState(Napi::Env env) : threads(env) {}
    ~FuseState();
    Threads threads;
    // By descriptor; a watch frees itself once libuv has let go of it.
    std::map<int, Watch *> watches;
    std::map<int64_t, std::shared_ptr<IsolatedThread>> isolated;
    int64_t nextIsolated = 1;
};

inline FuseState &State(Napi::Env env) {
    return *env.GetInstanceData<FuseState>();
}

void ExportDevice(Napi::Object exports);
void ExportMount(Napi::Object exports);
void ExportWatch(Napi::Object exports);
void ExportIsolated(Napi::Object exports);

} // namespace xos
