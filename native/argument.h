// Arguments from JavaScript, checked: a wrong type throws TypeError, a value out of range RangeError.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <napi.h>
#include <span>
#include <string>
#include <vector>

namespace xos {

inline int64_t Integer(Napi::Value value, const char *name, int64_t least, int64_t most) {
    Napi::Env env = value.Env();
    if (!value.IsNumber())
        throw Napi::TypeError::New(env, std::string(name) + " must be a number");
    double number = value.As<Napi::Number>().DoubleValue();
    if (!(number >= static_cast<double>(least) && number <= static_cast<double>(most)) ||
        std::trunc(number) != number)
        throw Napi::RangeError::New(env, std::string(name) + " must be an integer from " +
                                             std::to_string(least) + " to " + std::to_string(most));
    return static_cast<int64_t>(number);
}

inline int Descriptor(Napi::Value value, const char *name = "descriptor") {
    return static_cast<int>(Integer(value, name, 0, std::numeric_limits<int>::max()));
}

inline bool Boolean(Napi::Value value, const char *name) {
    if (!value.IsBoolean())
        throw Napi::TypeError::New(value.Env(), std::string(name) + " must be a boolean");
    return value.As<Napi::Boolean>().Value();
}

// A string for C: without NUL, at most `mostBytes` of UTF-8.
inline std::string Text(Napi::Value value, const char *name, size_t mostBytes) {
    Napi::Env env = value.Env();
    if (!value.IsString())
        throw Napi::TypeError::New(env, std::string(name) + " must be a string");
    size_t length = 0;
    NAPI_THROW_IF_FAILED(env, napi_get_value_string_utf8(env, value, nullptr, 0, &length), std::string());
    if (length > mostBytes)
        throw Napi::RangeError::New(env, std::string(name) + " must have at most " +
                                             std::to_string(mostBytes) + " bytes");
    std::string text = value.As<Napi::String>().Utf8Value();
    if (text.find('\0') != std::string::npos)
        throw Napi::RangeError::New(env, std::string(name) + " must not contain NUL");
    return text;
}

// The bytes of a Uint8Array where they are. Take them last and use them at once: JavaScript that runs in
// between (a getter of another argument) could detach them.
inline std::span<const uint8_t> Bytes(Napi::Value value, const char *name, size_t mostBytes) {
    Napi::Env env = value.Env();
    if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
        throw Napi::TypeError::New(env, std::string(name) + " must be a Uint8Array");
    auto array = value.As<Napi::Uint8Array>();
    if (array.ByteLength() > mostBytes)
        throw Napi::RangeError::New(env, std::string(name) + " must have at most " +
                                             std::to_string(mostBytes) + " bytes");
    return {array.Data(), array.ByteLength()};
}

inline std::vector<int> Descriptors(Napi::Value value, const char *name, uint32_t most) {
    Napi::Env env = value.Env();
    if (!value.IsArray())
        throw Napi::TypeError::New(env, std::string(name) + " must be an array");
    auto array = value.As<Napi::Array>();
    uint32_t length = array.Length();
    if (length > most)
        throw Napi::RangeError::New(env, std::string(name) + " must have at most " + std::to_string(most) +
                                             " elements");
    std::vector<int> descriptors;
    descriptors.reserve(length);
    for (uint32_t index = 0; index < length; index++)
        descriptors.push_back(Descriptor(array.Get(index), name));
    return descriptors;
}

} // namespace xos
