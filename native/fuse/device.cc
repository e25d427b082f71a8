// Requests and replies. What the kernel refuses is returned as a negative errno, not thrown: EAGAIN and
// ENOENT are daily business here, and an Error costs more than the call.
#include "fuse.h"
#include <array>
#include <fcntl.h>
#include <sys/uio.h>

namespace xos {

// The kernel's UIO_MAXIOV, less the head.
constexpr uint32_t mostParts = 1023;
constexpr size_t mostHeadBytes = 4096;
constexpr size_t mostRequestBytes = 16 << 20;

static Napi::Value OpenDevice(const Napi::CallbackInfo &info) {
    std::string path = Text(info[0], "path", 4095);
    int device = open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (device < 0)
        throw SystemFailure(errno, "open", path);
    return Napi::Number::New(info.Env(), device);
}

static Napi::Value ReadRequest(const Napi::CallbackInfo &info) {
    int device = Descriptor(info[0]);
    auto buffer = Bytes(info[1], "buffer", mostRequestBytes);
    ssize_t got;
    do
        got = read(device, const_cast<uint8_t *>(buffer.data()), buffer.size());
    // ENOENT: whoever asked gave up before the request was taken.
    while (got < 0 && (errno == EINTR || errno == ENOENT));
    return Napi::Number::New(info.Env(), got < 0 ? -errno : static_cast<double>(got));
}

static iovec Part(std::span<const uint8_t> bytes) {
    return {const_cast<uint8_t *>(bytes.data()), bytes.size()};
}

// writeReply(device, head, headBytes, data): data is null, a Uint8Array or an array of them. 0 or -errno.
static Napi::Value WriteReply(const Napi::CallbackInfo &info) {
    Napi::Env env = info.Env();
    int device = Descriptor(info[0]);
    auto headBytes = static_cast<size_t>(Integer(info[2], "headBytes", 0, mostHeadBytes));
    std::array<iovec, mostParts + 1> parts;
    int count = 1;
    if (info[3].IsArray()) {
        auto array = info[3].As<Napi::Array>();
        uint32_t length = array.Length();
        if (length > mostParts)
            throw Napi::RangeError::New(env,
                                        "data must have at most " + std::to_string(mostParts) + " parts");
        // A getter could take away the bytes of what was read before it: elements first, their bytes then.
        std::vector<Napi::Value> values;
        values.reserve(length);
        for (uint32_t index = 0; index < length; index++)
            values.push_back(array.Get(index));
        for (const Napi::Value &value : values)
            parts[count++] = Part(Bytes(value, "data", mostRequestBytes));
    } else if (!info[3].IsNull()) {
        parts[count++] = Part(Bytes(info[3], "data", mostRequestBytes));
    }
    auto head = Bytes(info[1], "head", mostHeadBytes);
    if (headBytes > head.size())
        throw Napi::RangeError::New(env, "headBytes must be at most what head has");
    parts[0] = Part(head.first(headBytes));
    ssize_t written;
    do
        written = writev(device, parts.data(), count);
    while (written < 0 && errno == EINTR);
    return Napi::Number::New(env, written < 0 ? -errno : 0);
}

void ExportDevice(Napi::Object exports) {
    Export<OpenDevice>(exports, "openDevice");
    Export<ReadRequest>(exports, "readRequest");
    Export<WriteReply>(exports, "writeReply");
}

} // namespace xos
