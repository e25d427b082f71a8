#include "sys.h"
#include <algorithm>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>

namespace xos {

// What sd_journal_sendv asks for: most of journald's entries fit a datagram then.
constexpr int sendBufferBytes = 8 << 20;

static UniqueDescriptor DatagramSocket() {
    UniqueDescriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.IsOpen())
        throw SystemFailure(errno, "socket");
    return socket;
}

static UniqueDescriptor SealedCopy(std::span<const uint8_t> bytes) {
    UniqueDescriptor file(memfd_create("datagram", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file.IsOpen())
        throw SystemFailure(errno, "memfd_create");
    while (!bytes.empty()) {
        ssize_t written = write(file.Get(), bytes.data(), bytes.size());
        if (written < 0 && errno != EINTR)
            throw SystemFailure(errno, "write");
        if (written > 0)
            bytes = bytes.subspan(static_cast<size_t>(written));
    }
    if (fcntl(file.Get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
        throw SystemFailure(errno, "fcntl");
    return file;
}

static void SendOrThrow(int socket, const Address &address, std::span<const uint8_t> bytes,
                        std::span<const int> descriptors, const Deadline &deadline) {
    while (SendOnce(socket, &address, bytes, descriptors) < 0) {
        int failed = errno;
        // An unconnected socket is always writable, so a full queue cannot be polled for: try again a little
        // later.
        if (failed != EAGAIN || deadline.LeftMs() == 0)
            throw SystemFailure(failed, "sendmsg", address.text);
        Wait(-1, 0, Deadline(std::min(1, deadline.LeftMs())), -1);
    }
}

static Napi::Value SendDatagram(const Napi::CallbackInfo &info) {
    Address address = AddressArgument(info[0]);
    std::vector<int> descriptors = Descriptors(info[2], "descriptors", mostPassedDescriptors - 1);
    bool memfdWhenTooLarge = Boolean(info[3], "memfdWhenTooLarge");
    Deadline deadline(Integer(info[4], "timeoutMs", 0, 10'000));
    std::span<const uint8_t> bytes = Bytes(info[1], "bytes", mostMessageBytes);
    UniqueDescriptor &socket = info.Env().GetInstanceData<SysState>()->datagramSender;
    if (!socket.IsOpen()) {
        UniqueDescriptor made = DatagramSocket();
        // Beyond net.core.wmem_max only with CAP_NET_ADMIN; without it as much as there is.
        if (setsockopt(made.Get(), SOL_SOCKET, SO_SNDBUFFORCE, &sendBufferBytes, sizeof sendBufferBytes) != 0)
            setsockopt(made.Get(), SOL_SOCKET, SO_SNDBUF, &sendBufferBytes, sizeof sendBufferBytes);
        socket = std::move(made);
    }
    try {
        SendOrThrow(socket.Get(), address, bytes, descriptors, deadline);
    } catch (const SystemFailure &failure) {
        if (!memfdWhenTooLarge || (failure.number != EMSGSIZE && failure.number != ENOBUFS))
            throw;
        UniqueDescriptor file = SealedCopy(bytes);
        descriptors.insert(descriptors.begin(), file.Get());
        SendOrThrow(socket.Get(), address, {}, descriptors, deadline);
    }
    return info.Env().Undefined();
}

static Napi::Value BindDatagram(const Napi::CallbackInfo &info) {
    Address address = AddressArgument(info[0]);
    UniqueDescriptor socket = DatagramSocket();
    int on = 1;
    if (setsockopt(socket.Get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0)
        throw SystemFailure(errno, "setsockopt");
    if (bind(socket.Get(), reinterpret_cast<const sockaddr *>(&address.name), address.length) != 0)
        throw SystemFailure(errno, "bind", address.text);
    Napi::Number number = Napi::Number::New(info.Env(), socket.Get());
    socket.Release();
    return number;
}

namespace {

class ReceiveDatagramWork : public ThreadWork {
  public:
    ReceiveDatagramWork(UniqueDescriptor socket, const Deadline &deadline, size_t mostBytes)
        : socket_(std::move(socket)), deadline_(deadline), mostBytes_(mostBytes) {}

    void Execute(int cancelled) override {
        for (;;) {
            // The length first, so that memory is taken for what is there and not for what would be allowed.
            ssize_t length = recv(socket_.Get(), nullptr, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
            if (length < 0 && errno != EAGAIN && errno != EINTR)
                throw SystemFailure(errno, "recv");
            if (length >= 0) {
                bytes_.resize(std::min(static_cast<size_t>(length), mostBytes_));
                if (ReceiveOnce(socket_.Get(), bytes_, descriptors_, received_))
                    break;
            }
            if (!Wait(socket_.Get(), POLLIN, deadline_, cancelled))
                throw SystemFailure(ETIMEDOUT, "recvmsg");
        }
        socket_.Close();
        if (received_.truncated)
            throw SystemFailure(EMSGSIZE, "recvmsg", {},
                                "a datagram of more than " + std::to_string(mostBytes_) + " bytes came");
        bytes_.resize(received_.bytes);
    }

    Napi::Value Result(Napi::Env env) override {
        Napi::Object sender = CredentialsObject(env, received_.sender);
        Napi::Object object = MessageObject(env, bytes_, descriptors_);
        object.Set("sender", sender);
        return object;
    }

  private:
    UniqueDescriptor socket_;
    Deadline deadline_;
    size_t mostBytes_;
    std::vector<uint8_t> bytes_;
    std::vector<UniqueDescriptor> descriptors_;
    Received received_;
};

} // namespace

static Napi::Value ReceiveDatagram(const Napi::CallbackInfo &info) {
    int descriptor = Descriptor(info[0]);
    Deadline deadline(Integer(info[1], "timeoutMs", 1, mostTimeoutMs));
    size_t mostBytes = static_cast<size_t>(Integer(info[2], "maxBytes", 0, mostMessageBytes));
    int type = 0;
    socklen_t length = sizeof type;
    if (getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &length) != 0)
        throw SystemFailure(errno, "getsockopt");
    if (type != SOCK_DGRAM)
        throw SystemFailure(EPROTOTYPE, "recvmsg", {}, "the descriptor is not a datagram socket");
    UniqueDescriptor duplicate(fcntl(descriptor, F_DUPFD_CLOEXEC, 3));
    if (!duplicate.IsOpen())
        throw SystemFailure(errno, "fcntl");
    auto work = std::make_unique<ReceiveDatagramWork>(std::move(duplicate), deadline, mostBytes);
    return info.Env().GetInstanceData<SysState>()->threads.Submit(info.Env(), std::move(work));
}

void ExportDatagram(Napi::Object exports) {
    Export<SendDatagram>(exports, "sendDatagram");
    Export<BindDatagram>(exports, "bindDatagram");
    Export<ReceiveDatagram>(exports, "receiveDatagram");
}

} // namespace xos
