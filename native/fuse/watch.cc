// A callback whenever a descriptor is readable, from the event loop itself: what Node offers for sockets and
// pipes alone.
#include "fuse.h"
#include "libuv.h"

namespace xos {

struct Watch {
    napi_env env = nullptr;
    int descriptor = -1;
    uv_poll_s *handle = nullptr;
    Napi::FunctionReference callback;
    napi_async_context context = nullptr;
    napi_async_cleanup_hook_handle cleanup = nullptr;
    bool closing = false;
};

static void Closed(uv_poll_s *handle) {
    auto *watch = static_cast<Watch *>(uv_handle_get_data(handle));
    ::operator delete(handle);
    if (watch->cleanup != nullptr)
        napi_remove_async_cleanup_hook(watch->cleanup);
    delete watch;
}

// The descriptor is free to be closed when this returns.
static void Close(Watch *watch) {
    if (watch->closing)
        return;
    watch->closing = true;
    State(watch->env).watches.erase(watch->descriptor);
    uv_poll_stop(watch->handle);
    watch->callback.Reset();
    if (watch->context != nullptr)
        napi_async_destroy(watch->env, watch->context);
    uv_close(watch->handle, Closed);
}

static void OnReadable(uv_poll_s *handle, int, int) {
    auto *watch = static_cast<Watch *>(uv_handle_get_data(handle));
    if (watch->closing)
        return;
    Napi::Env env(watch->env);
    Napi::HandleScope scope(env);
    napi_value result;
    // An error of the descriptor shows when it is read; libuv stops polling then.
    napi_status status =
        napi_make_callback(env, watch->context, env.Global(), watch->callback.Value(), 0, nullptr, &result);
    if (status == napi_pending_exception) {
        napi_value exception;
        if (napi_get_and_clear_last_exception(env, &exception) == napi_ok)
            napi_fatal_exception(env, exception);
    }
}

static Napi::Value StartWatch(const Napi::CallbackInfo &info) {
    Napi::Env env = info.Env();
    int descriptor = Descriptor(info[0]);
    if (!info[1].IsFunction())
        throw Napi::TypeError::New(env, "callback must be a function");
    FuseState &state = State(env);
    if (state.watches.contains(descriptor))
        throw SystemFailure(EEXIST, "uv_poll_init");
    uv_loop_s *loop;
    NAPI_THROW_IF_FAILED(env, napi_get_uv_event_loop(env, &loop), env.Undefined());
    auto watch = std::make_unique<Watch>();
    watch->env = env;
    watch->descriptor = descriptor;
    auto *handle = static_cast<uv_poll_s *>(::operator new(uv_handle_size(uvPollHandle)));
    // libuv's errors are negative errno values.
    if (int failed = uv_poll_init(loop, handle, descriptor); failed != 0) {
        ::operator delete(handle);
        throw SystemFailure(-failed, "uv_poll_init");
    }
    watch->handle = handle;
    watch->callback = Napi::Persistent(info[1].As<Napi::Function>());
    uv_handle_set_data(handle, watch.get());
    Watch *raw = watch.release();
    state.watches.emplace(descriptor, raw);
    napi_value name = Napi::String::New(env, "xtreemos:fuse");
    napi_async_init(env, nullptr, name, &raw->context);
    napi_add_async_cleanup_hook(
        env, [](napi_async_cleanup_hook_handle, void *data) { Close(static_cast<Watch *>(data)); }, raw,
        &raw->cleanup);
    if (int failed = uv_poll_start(handle, uvReadable, OnReadable); failed != 0) {
        Close(raw);
        throw SystemFailure(-failed, "uv_poll_start");
    }
    return env.Undefined();
}

static Napi::Value StopWatch(const Napi::CallbackInfo &info) {
    FuseState &state = State(info.Env());
    auto found = state.watches.find(Descriptor(info[0]));
    if (found != state.watches.end())
        Close(found->second);
    return info.Env().Undefined();
}

void ExportWatch(Napi::Object exports) {
    Export<StartWatch>(exports, "startWatch");
    Export<StopWatch>(exports, "stopWatch");
}

} // namespace xos
