// keyctl(2), add_key(2) and request_key(2), by their numbers: libkeyutils would add only a dependency.
#include "../argument.h"
#include "../thread-work.h"
#include <linux/keyctl.h>
#include <sys/syscall.h>

namespace xos {

using Serial = int32_t;

// The kernel's own limits (security/keys/keyctl.c).
constexpr size_t mostTypeBytes = 31;
constexpr size_t mostDescriptionBytes = 4095;
constexpr size_t mostPayloadBytes = (1 << 20) - 1;
// A key may grow between asking for its size and reading it.
constexpr int mostReadAttempts = 8;

static long Keyctl(const char *what, long operation, unsigned long a = 0, unsigned long b = 0,
                   unsigned long c = 0, unsigned long d = 0) {
    long result = syscall(SYS_keyctl, operation, a, b, c, d);
    if (result < 0)
        throw SystemFailure(errno, what);
    return result;
}

static unsigned long Pointer(const void *pointer) {
    return reinterpret_cast<unsigned long>(pointer);
}

// Sign-extended, as the kernel takes the special serials.
static unsigned long Word(Serial serial) {
    return static_cast<unsigned long>(static_cast<long>(serial));
}

static Serial SerialArgument(Napi::Value value, const char *name) {
    return static_cast<Serial>(
        Integer(value, name, std::numeric_limits<Serial>::min(), std::numeric_limits<Serial>::max()));
}

static Napi::Value Number(const Napi::CallbackInfo &info, long number) {
    return Napi::Number::New(info.Env(), static_cast<double>(number));
}

static Napi::Value AddKey(const Napi::CallbackInfo &info) {
    std::string type = Text(info[0], "type", mostTypeBytes);
    std::string description = Text(info[1], "description", mostDescriptionBytes);
    Serial keyring = SerialArgument(info[3], "keyring");
    std::span<const uint8_t> payload = Bytes(info[2], "payload", mostPayloadBytes);
    long key = syscall(SYS_add_key, type.c_str(), description.c_str(), payload.data(), payload.size(),
                       Word(keyring));
    if (key < 0)
        throw SystemFailure(errno, "add_key", {}, Describe(errno) + (", key " + type + ":" + description));
    return Number(info, key);
}

static Napi::Value UpdateKey(const Napi::CallbackInfo &info) {
    Serial key = SerialArgument(info[0], "key");
    std::span<const uint8_t> payload = Bytes(info[1], "payload", mostPayloadBytes);
    Keyctl("keyctl_update", KEYCTL_UPDATE, Word(key), Pointer(payload.data()), payload.size());
    return info.Env().Undefined();
}

static Napi::Value ReadKey(const Napi::CallbackInfo &info) {
    Serial key = SerialArgument(info[0], "key");
    long length = Keyctl("keyctl_read", KEYCTL_READ, Word(key));
    for (int attempt = 0; attempt < mostReadAttempts; attempt++) {
        // Straight into JavaScript's memory: a payload is a secret, and every copy would have to be wiped.
        size_t room = static_cast<size_t>(length);
        auto buffer = Napi::Buffer<uint8_t>::New(info.Env(), room);
        length = Keyctl("keyctl_read", KEYCTL_READ, Word(key), Pointer(buffer.Data()), room);
        if (static_cast<size_t>(length) == room)
            return buffer;
        if (static_cast<size_t>(length) < room)
            return Napi::Buffer<uint8_t>::Copy(info.Env(), buffer.Data(), static_cast<size_t>(length));
    }
    throw SystemFailure(EAGAIN, "keyctl_read", {}, "the key kept growing while it was read");
}

static Napi::Value SearchKeyring(const Napi::CallbackInfo &info) {
    Serial keyring = SerialArgument(info[0], "keyring");
    std::string type = Text(info[1], "type", mostTypeBytes);
    std::string description = Text(info[2], "description", mostDescriptionBytes);
    Serial destination = SerialArgument(info[3], "destination");
    return Number(info, Keyctl("keyctl_search", KEYCTL_SEARCH, Word(keyring), Pointer(type.c_str()),
                               Pointer(description.c_str()), Word(destination)));
}

static Napi::Value DescribeKey(const Napi::CallbackInfo &info) {
    Serial key = SerialArgument(info[0], "key");
    // Type, three numbers and the description: with these bounds never more than this.
    std::vector<char> text(mostTypeBytes + mostDescriptionBytes + 64);
    long length = Keyctl("keyctl_describe", KEYCTL_DESCRIBE, Word(key), Pointer(text.data()), text.size());
    if (length < 1 || static_cast<size_t>(length) > text.size())
        throw SystemFailure(EOVERFLOW, "keyctl_describe");
    return Napi::String::New(info.Env(), text.data(), static_cast<size_t>(length) - 1);
}

static Napi::Value LinkKey(const Napi::CallbackInfo &info) {
    Keyctl("keyctl_link", KEYCTL_LINK, Word(SerialArgument(info[0], "key")),
           Word(SerialArgument(info[1], "keyring")));
    return info.Env().Undefined();
}

static Napi::Value UnlinkKey(const Napi::CallbackInfo &info) {
    Keyctl("keyctl_unlink", KEYCTL_UNLINK, Word(SerialArgument(info[0], "key")),
           Word(SerialArgument(info[1], "keyring")));
    return info.Env().Undefined();
}

static Napi::Value JoinSession(const Napi::CallbackInfo &info) {
    if (info[0].IsNull())
        return Number(info, Keyctl("keyctl_join_session_keyring", KEYCTL_JOIN_SESSION_KEYRING));
    std::string name = Text(info[0], "name", mostDescriptionBytes);
    return Number(info,
                  Keyctl("keyctl_join_session_keyring", KEYCTL_JOIN_SESSION_KEYRING, Pointer(name.c_str())));
}

static Napi::Value SetPermissions(const Napi::CallbackInfo &info) {
    Keyctl("keyctl_setperm", KEYCTL_SETPERM, Word(SerialArgument(info[0], "key")),
           static_cast<unsigned long>(Integer(info[1], "permissions", 0, 0x3f3f3f3f)));
    return info.Env().Undefined();
}

static Napi::Value SetOwner(const Napi::CallbackInfo &info) {
    Serial key = SerialArgument(info[0], "key");
    // -1 leaves an id as it is; 4,294,967,295 would be the same and is refused.
    auto uid = static_cast<uint32_t>(Integer(info[1], "uid", -1, std::numeric_limits<uint32_t>::max() - 1));
    auto gid = static_cast<uint32_t>(Integer(info[2], "gid", -1, std::numeric_limits<uint32_t>::max() - 1));
    Keyctl("keyctl_chown", KEYCTL_CHOWN, Word(key), uid, gid);
    return info.Env().Undefined();
}

static Napi::Value SetTimeout(const Napi::CallbackInfo &info) {
    Keyctl("keyctl_set_timeout", KEYCTL_SET_TIMEOUT, Word(SerialArgument(info[0], "key")),
           static_cast<unsigned long>(Integer(info[1], "seconds", 0, std::numeric_limits<uint32_t>::max())));
    return info.Env().Undefined();
}

static Napi::Value RevokeKey(const Napi::CallbackInfo &info) {
    Keyctl("keyctl_revoke", KEYCTL_REVOKE, Word(SerialArgument(info[0], "key")));
    return info.Env().Undefined();
}

static Napi::Value InvalidateKey(const Napi::CallbackInfo &info) {
    Keyctl("keyctl_invalidate", KEYCTL_INVALIDATE, Word(SerialArgument(info[0], "key")));
    return info.Env().Undefined();
}

static Napi::Value ClearKeyring(const Napi::CallbackInfo &info) {
    Keyctl("keyctl_clear", KEYCTL_CLEAR, Word(SerialArgument(info[0], "keyring")));
    return info.Env().Undefined();
}

static Napi::Value GetKeyringId(const Napi::CallbackInfo &info) {
    Serial keyring = SerialArgument(info[0], "keyring");
    unsigned long create = Boolean(info[1], "create") ? 1 : 0;
    return Number(info, Keyctl("keyctl_get_keyring_ID", KEYCTL_GET_KEYRING_ID, Word(keyring), create));
}

static Napi::Value RequestKey(const Napi::CallbackInfo &info) {
    std::string type = Text(info[0], "type", mostTypeBytes);
    std::string description = Text(info[1], "description", mostDescriptionBytes);
    Serial destination = SerialArgument(info[2], "destination");
    // Without callout information the kernel makes no upcall (request_key(2)).
    long key = syscall(SYS_request_key, type.c_str(), description.c_str(), nullptr, Word(destination));
    if (key < 0)
        throw SystemFailure(errno, "request_key", {},
                            Describe(errno) + (", key " + type + ":" + description));
    return Number(info, key);
}

namespace {

class UpcallWork : public ThreadWork {
  public:
    UpcallWork(std::string type, std::string description, std::string calloutInfo, Serial destination)
        : type_(std::move(type)), description_(std::move(description)), calloutInfo_(std::move(calloutInfo)),
          destination_(destination) {}

    void Execute(int) override {
        key_ = syscall(SYS_request_key, type_.c_str(), description_.c_str(), calloutInfo_.c_str(),
                       Word(destination_));
        if (key_ < 0)
            throw SystemFailure(errno, "request_key", {},
                                Describe(errno) + (", key " + type_ + ":" + description_));
    }

    Napi::Value Result(Napi::Env env) override {
        return Napi::Number::New(env, static_cast<double>(key_));
    }

  private:
    std::string type_;
    std::string description_;
    std::string calloutInfo_;
    Serial destination_;
    long key_ = 0;
};

} // namespace

static Napi::Value RequestKeyByUpcall(const Napi::CallbackInfo &info) {
    std::string type = Text(info[0], "type", mostTypeBytes);
    std::string description = Text(info[1], "description", mostDescriptionBytes);
    std::string calloutInfo = Text(info[2], "calloutInfo", mostDescriptionBytes);
    Serial destination = SerialArgument(info[3], "destination");
    auto work = std::make_unique<UpcallWork>(std::move(type), std::move(description), std::move(calloutInfo),
                                             destination);
    return info.Env().GetInstanceData<Threads>()->Submit(info.Env(), std::move(work));
}

} // namespace xos

static Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
    using namespace xos;
    try {
        env.SetInstanceData(new Threads(env));
    } catch (const SystemFailure &failure) {
        throw ToError(env, failure);
    }
    Export<AddKey>(exports, "addKey");
    Export<UpdateKey>(exports, "updateKey");
    Export<ReadKey>(exports, "readKey");
    Export<SearchKeyring>(exports, "searchKeyring");
    Export<DescribeKey>(exports, "describeKey");
    Export<LinkKey>(exports, "linkKey");
    Export<UnlinkKey>(exports, "unlinkKey");
    Export<JoinSession>(exports, "joinSession");
    Export<SetPermissions>(exports, "setPermissions");
    Export<SetOwner>(exports, "setOwner");
    Export<SetTimeout>(exports, "setTimeout");
    Export<RevokeKey>(exports, "revokeKey");
    Export<InvalidateKey>(exports, "invalidateKey");
    Export<ClearKeyring>(exports, "clearKeyring");
    Export<GetKeyringId>(exports, "getKeyringId");
    Export<RequestKey>(exports, "requestKey");
    Export<RequestKeyByUpcall>(exports, "requestKeyByUpcall");
    return exports;
}

NODE_API_MODULE(keyring, Initialize)
