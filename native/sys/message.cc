// Messages between local daemons: a 4-byte little-endian length, the bytes, and descriptors riding along.
#include "sys.h"
#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <poll.h>

namespace xos {

constexpr size_t headerBytes = 4;
// A length is only a claim: memory follows what has arrived.
constexpr size_t growBytes = 256 << 10;
constexpr size_t mostReceivedDescriptors = 1024;

struct Limits {
    size_t bytes;
    size_t descriptors;
};

[[noreturn]] static void ThrowTimedOut(const char *call, const std::string &peer) {
    throw SystemFailure(ETIMEDOUT, call, peer);
}

static void SendAll(int socket, std::span<const uint8_t> bytes, std::span<const int> descriptors,
                    const Deadline &deadline, int cancelled, const std::string &peer) {
    while (!bytes.empty()) {
        ssize_t sent = SendOnce(socket, nullptr, bytes, descriptors);
        if (sent >= 0) {
            bytes = bytes.subspan(static_cast<size_t>(sent));
            descriptors = {};
        } else if (errno != EAGAIN) {
            throw SystemFailure(errno, "sendmsg", peer);
        } else if (!Wait(socket, POLLOUT, deadline, cancelled)) {
            ThrowTimedOut("sendmsg", peer);
        }
    }
}

// Fills `buffer`; returns how much came before the peer closed.
static size_t ReceiveFull(int socket, std::span<uint8_t> buffer, std::vector<UniqueDescriptor> &descriptors,
                          const Limits &limits, const Deadline &deadline, int cancelled,
                          const std::string &peer) {
    size_t filled = 0;
    while (filled < buffer.size()) {
        Received received;
        if (ReceiveOnce(socket, buffer.subspan(filled), descriptors, received)) {
            if (descriptors.size() > limits.descriptors)
                throw SystemFailure(EPROTO, "recvmsg", peer,
                                    "more than " + std::to_string(limits.descriptors) + " descriptors came");
            if (received.bytes == 0)
                return filled;
            filled += received.bytes;
        } else if (!Wait(socket, POLLIN, deadline, cancelled)) {
            ThrowTimedOut("recvmsg", peer);
        }
    }
    return filled;
}

// Returns false when the peer closed without a byte.
static bool ReceiveFramed(int socket, std::vector<uint8_t> &bytes, std::vector<UniqueDescriptor> &descriptors,
                          const Limits &limits, const Deadline &deadline, int cancelled,
                          const std::string &peer) {
    uint8_t header[headerBytes];
    size_t got = ReceiveFull(socket, header, descriptors, limits, deadline, cancelled, peer);
    if (got == 0)
        return false;
    if (got < headerBytes)
        throw SystemFailure(ECONNRESET, "recvmsg", peer, "the peer closed within the length of a message");
    size_t length = static_cast<size_t>(header[0]) | static_cast<size_t>(header[1]) << 8 |
                    static_cast<size_t>(header[2]) << 16 | static_cast<size_t>(header[3]) << 24;
    if (length > limits.bytes)
        throw SystemFailure(EMSGSIZE, "recvmsg", peer,
                            "a message of " + std::to_string(length) + " bytes was announced, at most " +
                                std::to_string(limits.bytes) + " are accepted");
    while (bytes.size() < length) {
        size_t start = bytes.size();
        bytes.resize(std::min(length, start + growBytes));
        size_t filled = ReceiveFull(socket, std::span(bytes).subspan(start), descriptors, limits, deadline,
                                    cancelled, peer);
        if (start + filled < bytes.size())
            throw SystemFailure(ECONNRESET, "recvmsg", peer,
                                "the peer closed after " + std::to_string(start + filled) + " of " +
                                    std::to_string(length) + " bytes");
    }
    return true;
}

namespace {

class RequestWork : public ThreadWork {
  public:
    RequestWork(Address address, const Deadline &deadline, Limits limits)
        : address_(std::move(address)), deadline_(deadline), limits_(limits) {}

    void TakeBytes(std::span<const uint8_t> bytes) {
        uint32_t length = static_cast<uint32_t>(bytes.size());
        message_.reserve(headerBytes + bytes.size());
        for (size_t index = 0; index < headerBytes; index++)
            message_.push_back(static_cast<uint8_t>(length >> (8 * index)));
        message_.insert(message_.end(), bytes.begin(), bytes.end());
    }

    void TakeDescriptor(UniqueDescriptor descriptor) {
        passed_.push_back(std::move(descriptor));
    }

    void Execute(int cancelled) override {
        UniqueDescriptor socket = Connect(cancelled);
        std::vector<int> numbers;
        for (const UniqueDescriptor &descriptor : passed_)
            numbers.push_back(descriptor.Get());
        SendAll(socket.Get(), message_, numbers, deadline_, cancelled, address_.text);
        passed_.clear();
        if (!ReceiveFramed(socket.Get(), reply_, descriptors_, limits_, deadline_, cancelled, address_.text))
            throw SystemFailure(ECONNRESET, "recvmsg", address_.text, "the peer closed without a reply");
        uint8_t more;
        Received received;
        bool readable = ReceiveOnce(socket.Get(), std::span(&more, 1), descriptors_, received);
        if (readable && received.bytes > 0)
            throw SystemFailure(EPROTO, "recvmsg", address_.text, "the reply is longer than it said");
    }

    Napi::Value Result(Napi::Env env) override {
        return MessageObject(env, reply_, descriptors_);
    }

  private:
    UniqueDescriptor Connect(int cancelled) const {
        UniqueDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (!socket.IsOpen())
            throw SystemFailure(errno, "socket", address_.text);
        int pauseMs = 1;
        while (connect(socket.Get(), reinterpret_cast<const sockaddr *>(&address_.name), address_.length) !=
               0) {
            // A full backlog is EAGAIN on AF_UNIX, and nothing to poll for (connect(2)).
            if (errno == EINTR)
                continue;
            if (errno != EAGAIN)
                throw SystemFailure(errno, "connect", address_.text);
            if (deadline_.LeftMs() == 0)
                ThrowTimedOut("connect", address_.text);
            Wait(-1, 0, Deadline(std::min(pauseMs, deadline_.LeftMs())), cancelled);
            pauseMs = std::min(pauseMs * 2, 20);
        }
        return socket;
    }

    Address address_;
    Deadline deadline_;
    Limits limits_;
    std::vector<uint8_t> message_;
    std::vector<UniqueDescriptor> passed_;
    std::vector<uint8_t> reply_;
    std::vector<UniqueDescriptor> descriptors_;
};

class ReceiveWork : public ThreadWork {
  public:
    ReceiveWork(UniqueDescriptor socket, const Deadline &deadline, Limits limits)
        : socket_(std::move(socket)), deadline_(deadline), limits_(limits) {}

    void Execute(int cancelled) override {
        received_ = ReceiveFramed(socket_.Get(), bytes_, descriptors_, limits_, deadline_, cancelled, {});
        socket_.Close();
    }

    Napi::Value Result(Napi::Env env) override {
        if (!received_)
            return env.Null();
        return MessageObject(env, bytes_, descriptors_);
    }

  private:
    UniqueDescriptor socket_;
    Deadline deadline_;
    Limits limits_;
    bool received_ = false;
    std::vector<uint8_t> bytes_;
    std::vector<UniqueDescriptor> descriptors_;
};

} // namespace

static UniqueDescriptor Duplicate(int descriptor) {
    UniqueDescriptor duplicate(fcntl(descriptor, F_DUPFD_CLOEXEC, 3));
    if (!duplicate.IsOpen())
        throw SystemFailure(errno, "fcntl");
    return duplicate;
}

static Limits LimitsArgument(Napi::Value bytes, Napi::Value descriptors) {
    return {static_cast<size_t>(Integer(bytes, "the limit of bytes", 0, mostMessageBytes)),
            static_cast<size_t>(Integer(descriptors, "maxDescriptors", 0, mostReceivedDescriptors))};
}

static Napi::Value Request(const Napi::CallbackInfo &info) {
    Address address = AddressArgument(info[0]);
    std::vector<int> descriptors = Descriptors(info[2], "descriptors", mostPassedDescriptors);
    Deadline deadline(Integer(info[3], "timeoutMs", 1, mostTimeoutMs));
    auto work = std::make_unique<RequestWork>(std::move(address), deadline, LimitsArgument(info[4], info[5]));
    for (int descriptor : descriptors)
        work->TakeDescriptor(Duplicate(descriptor));
    work->TakeBytes(Bytes(info[1], "bytes", mostMessageBytes));
    return info.Env().GetInstanceData<SysState>()->threads.Submit(info.Env(), std::move(work));
}

static Napi::Value ReceiveMessage(const Napi::CallbackInfo &info) {
    int descriptor = Descriptor(info[0]);
    Deadline deadline(Integer(info[1], "timeoutMs", 1, mostTimeoutMs));
    Limits limits = LimitsArgument(info[2], info[3]);
    auto work = std::make_unique<ReceiveWork>(Duplicate(descriptor), deadline, limits);
    return info.Env().GetInstanceData<SysState>()->threads.Submit(info.Env(), std::move(work));
}

void ExportMessage(Napi::Object exports) {
    Export<Request>(exports, "request");
    Export<ReceiveMessage>(exports, "receiveMessage");
}

} // namespace xos
