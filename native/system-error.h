// A failed system call, and how JavaScript sees it: an Error with code, errno, syscall and path, as Node's
// own.
#pragma once

#include <cerrno>
#include <cstring>
#include <napi.h>
#include <new>
#include <string>
#include <utility>

namespace xos {

struct SystemFailure {
    int number;
    const char *call;
    // The file, address or key that the call was about; empty when it was about a descriptor.
    std::string subject;
    // Says more than errno does; empty for errno's own text.
    std::string reason;

    SystemFailure(int number, const char *call, std::string subject = {}, std::string reason = {})
        : number(number), call(call), subject(std::move(subject)), reason(std::move(reason)) {}
};

// errno in words; a number may come from a module that has its own.
inline std::string Describe(int number) {
    const char *description = strerrordesc_np(number);
    return description != nullptr ? description : "unknown error " + std::to_string(number);
}

inline Napi::Error ToError(Napi::Env env, const SystemFailure &failure) {
    const char *name = strerrorname_np(failure.number);
    std::string code = name != nullptr ? name : "E" + std::to_string(failure.number);
    std::string reason = !failure.reason.empty() ? failure.reason : Describe(failure.number);
    std::string message = code + ": " + reason + ", " + failure.call;
    if (!failure.subject.empty())
        message += " '" + failure.subject + "'";
    Napi::Error error = Napi::Error::New(env, message);
    error.Set("code", Napi::String::New(env, code));
    error.Set("errno", Napi::Number::New(env, -failure.number));
    error.Set("syscall", Napi::String::New(env, failure.call));
    if (!failure.subject.empty())
        error.Set("path", Napi::String::New(env, failure.subject));
    return error;
}

// Wraps an addon's function so that it may throw SystemFailure.
template <Napi::Value (*function)(const Napi::CallbackInfo &)>
Napi::Value Guarded(const Napi::CallbackInfo &info) {
    try {
        return function(info);
    } catch (const SystemFailure &failure) {
        throw ToError(info.Env(), failure);
    } catch (const std::bad_alloc &) {
        throw ToError(info.Env(), SystemFailure(ENOMEM, "malloc"));
    }
}

template <Napi::Value (*function)(const Napi::CallbackInfo &)>
void Export(Napi::Object exports, const char *name) {
    exports.Set(name, Napi::Function::New<Guarded<function>>(exports.Env(), name));
}

} // namespace xos
