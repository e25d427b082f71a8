#include "sys.h"
#include <sys/xattr.h>

namespace xos {

// XATTR_SIZE_MAX and XATTR_LIST_MAX of the kernel (linux/limits.h): larger there is none.
constexpr size_t mostValueBytes = 65536;
constexpr size_t mostNameBytes = 255;

namespace {

// A path, whose last component is not followed, or a descriptor.
struct Target {
    int descriptor = -1;
    std::string path;

    explicit Target(Napi::Value value) {
        if (value.IsString())
            path = Text(value, "target", 4095);
        else if (value.IsNumber())
            descriptor = Descriptor(value, "target");
        else
            throw Napi::TypeError::New(value.Env(), "target must be a path or a descriptor");
    }
    bool ByPath() const {
        return descriptor < 0;
    }
};

} // namespace

static Napi::Value GetXattr(const Napi::CallbackInfo &info) {
    Target target(info[0]);
    std::string name = Text(info[1], "name", mostNameBytes);
    std::vector<uint8_t> value(mostValueBytes);
    ssize_t length = target.ByPath()
                         ? lgetxattr(target.path.c_str(), name.c_str(), value.data(), value.size())
                         : fgetxattr(target.descriptor, name.c_str(), value.data(), value.size());
    if (length < 0 && errno == ENODATA)
        return info.Env().Null();
    if (length < 0)
        throw SystemFailure(errno, "getxattr", target.path);
    return Napi::Buffer<uint8_t>::Copy(info.Env(), value.data(), static_cast<size_t>(length));
}

static Napi::Value SetXattr(const Napi::CallbackInfo &info) {
    Target target(info[0]);
    std::string name = Text(info[1], "name", mostNameBytes);
    int flags = static_cast<int>(Integer(info[3], "flags", 0, XATTR_CREATE | XATTR_REPLACE));
    std::span<const uint8_t> value = Bytes(info[2], "value", mostMessageBytes);
    int result = target.ByPath()
                     ? lsetxattr(target.path.c_str(), name.c_str(), value.data(), value.size(), flags)
                     : fsetxattr(target.descriptor, name.c_str(), value.data(), value.size(), flags);
    if (result != 0)
        throw SystemFailure(errno, "setxattr", target.path);
    return info.Env().Undefined();
}

static Napi::Value ListXattr(const Napi::CallbackInfo &info) {
    Target target(info[0]);
    std::vector<char> list(mostValueBytes);
    ssize_t length = target.ByPath() ? llistxattr(target.path.c_str(), list.data(), list.size())
                                     : flistxattr(target.descriptor, list.data(), list.size());
    if (length < 0)
        throw SystemFailure(errno, "listxattr", target.path);
    Napi::Array names = Napi::Array::New(info.Env());
    std::string_view rest(list.data(), static_cast<size_t>(length));
    for (uint32_t index = 0; !rest.empty(); index++) {
        size_t end = rest.find('\0');
        if (end == std::string_view::npos)
            break;
        names.Set(index, Napi::String::New(info.Env(), rest.data(), end));
        rest.remove_prefix(end + 1);
    }
    return names;
}

static Napi::Value RemoveXattr(const Napi::CallbackInfo &info) {
    Target target(info[0]);
    std::string name = Text(info[1], "name", mostNameBytes);
    int result = target.ByPath() ? lremovexattr(target.path.c_str(), name.c_str())
                                 : fremovexattr(target.descriptor, name.c_str());
    if (result != 0)
        throw SystemFailure(errno, "removexattr", target.path);
    return info.Env().Undefined();
}

void ExportXattr(Napi::Object exports) {
    Export<GetXattr>(exports, "getXattr");
    Export<SetXattr>(exports, "setXattr");
    Export<ListXattr>(exports, "listXattr");
    Export<RemoveXattr>(exports, "removeXattr");
}

} // namespace xos
