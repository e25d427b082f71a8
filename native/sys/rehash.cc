#include "digest.h"
#include "sys.h"
#include <algorithm>
#include <poll.h>

namespace xos {

namespace {

// Rounds between two looks at whether the environment goes away: some ten milliseconds.
constexpr uint32_t roundsAtOnce = 1 << 16;
constexpr int64_t mostRounds = 100'000'000;

struct Digest {
    const char *name;
    size_t bytes;
    void (*rehash)(uint8_t *digest, uint32_t rounds);
};

constexpr Digest digests[] = {
    {"sha1", Sha1::digestBytes, Rehash<Sha1>},
    {"sha256", Sha256::digestBytes, Rehash<Sha256>},
    {"sha384", Sha384::digestBytes, Rehash<Sha384>},
    {"sha512", Sha512::digestBytes, Rehash<Sha512>},
};

const Digest &DigestArgument(Napi::Value value) {
    std::string name = Text(value, "digest", 16);
    for (const Digest &digest : digests)
        if (name == digest.name)
            return digest;
    throw Napi::RangeError::New(value.Env(), "digest must be sha1, sha256, sha384 or sha512");
}

class RehashWork : public ThreadWork {
  public:
    RehashWork(const Digest &digest, std::span<const uint8_t> value, uint32_t rounds)
        : digest_(digest), rounds_(rounds) {
        std::copy(value.begin(), value.end(), value_.begin());
    }
    ~RehashWork() override {
        explicit_bzero(value_.data(), sizeof value_);
    }

    void Execute(int cancelled) override {
        for (uint32_t left = rounds_; left > 0;) {
            uint32_t now = std::min(left, roundsAtOnce);
            digest_.rehash(value_.data(), now);
            left -= now;
            pollfd poller{cancelled, POLLIN, 0};
            if (left > 0 && poll(&poller, 1, 0) > 0)
                throw SystemFailure(ECANCELED, "rehash");
        }
    }

    Napi::Value Result(Napi::Env env) override {
        return Napi::Buffer<uint8_t>::Copy(env, value_.data(), digest_.bytes);
    }

  private:
    const Digest &digest_;
    uint32_t rounds_;
    std::array<uint8_t, 64> value_{};
};

} // namespace

static Napi::Value RehashDigest(const Napi::CallbackInfo &info) {
    const Digest &digest = DigestArgument(info[0]);
    auto rounds = static_cast<uint32_t>(Integer(info[2], "rounds", 0, mostRounds));
    std::span<const uint8_t> value = Bytes(info[1], "value", digest.bytes);
    if (value.size() != digest.bytes)
        throw Napi::RangeError::New(info.Env(), "value must have the length of the digest");
    return info.Env().GetInstanceData<SysState>()->threads.Submit(
        info.Env(), std::make_unique<RehashWork>(digest, value, rounds));
}

void ExportRehash(Napi::Object exports) {
    Export<RehashDigest>(exports, "rehash");
}

} // namespace xos
