#include "crc32c.h"
#include "sys.h"

namespace xos {

// Large enough for every frame; one call stays below some milliseconds.
constexpr size_t mostChecksummedBytes = 64 << 20;

static Napi::Value Crc32c(const Napi::CallbackInfo &info) {
    auto seed = static_cast<uint32_t>(Integer(info[1], "seed", 0, std::numeric_limits<uint32_t>::max()));
    auto bytes = Bytes(info[0], "bytes", mostChecksummedBytes);
    return Napi::Number::New(info.Env(), ~UpdateCrc32c(~seed, bytes));
}

// The checksum of each block, and of all bytes, which follows from those of the blocks.
static Napi::Value Crc32cBlocks(const Napi::CallbackInfo &info) {
    Napi::Env env = info.Env();
    auto blockBytes = static_cast<size_t>(Integer(info[1], "blockBytes", 8, 1 << 20));
    if (!info[2].IsTypedArray() || info[2].As<Napi::TypedArray>().TypedArrayType() != napi_uint32_array)
        throw Napi::TypeError::New(env, "checksums must be a Uint32Array");
    auto checksums = info[2].As<Napi::Uint32Array>();
    auto bytes = Bytes(info[0], "bytes", mostChecksummedBytes);
    size_t blocks = (bytes.size() + blockBytes - 1) / blockBytes;
    if (checksums.ElementLength() < blocks)
        throw Napi::RangeError::New(env, "checksums must have an element for each block");
    uint32_t whole = 0;
    uint32_t zeros = ZeroBytes(blockBytes);
    for (size_t block = 0; block < blocks; block++) {
        auto part =
            bytes.subspan(block * blockBytes, std::min(blockBytes, bytes.size() - block * blockBytes));
        uint32_t own = ~UpdateCrc32c(~0U, part);
        whole = JoinedCrc32c(whole, own, part.size() == blockBytes ? zeros : ZeroBytes(part.size()));
        checksums[block] = own;
    }
    return Napi::Number::New(env, whole);
}

void ExportChecksum(Napi::Object exports) {
    Export<Crc32c>(exports, "crc32c");
    Export<Crc32cBlocks>(exports, "crc32cBlocks");
    exports.Set("crc32cIsHardware", Napi::Boolean::New(exports.Env(), HasCrc32cInstruction()));
}

} // namespace xos
