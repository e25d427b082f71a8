#include "sys.h"
#include <sys/uio.h>

namespace xos {

namespace {

constexpr size_t mostReadBytes = 16 << 20;

// readCached(descriptor, buffer, position): bytes, or -EAGAIN where a disk has to be waited for. What a read
// of the page cache costs is less than handing it to a thread.
Napi::Value ReadCached(const Napi::CallbackInfo &info) {
    int descriptor = Descriptor(info[0]);
    auto position = Integer(info[2], "position", 0, (int64_t{1} << 53) - 1);
    auto buffer = Bytes(info[1], "buffer", mostReadBytes);
    iovec part = {const_cast<uint8_t *>(buffer.data()), buffer.size()};
    ssize_t got;
    do
        got = preadv2(descriptor, &part, 1, position, RWF_NOWAIT);
    while (got < 0 && errno == EINTR);
    return Napi::Number::New(info.Env(), got < 0 ? -errno : static_cast<double>(got));
}

} // namespace

void ExportCachedRead(Napi::Object exports) {
    Export<ReadCached>(exports, "readCached");
}

} // namespace xos
