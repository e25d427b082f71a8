#include "sys.h"
#include <cstddef>
#include <cstring>
#include <poll.h>

namespace xos {

Address AddressArgument(Napi::Value value) {
    Address address;
    address.text = Text(value, "address", 4096);
    if (address.text.empty())
        throw Napi::RangeError::New(value.Env(), "address must not be empty");
    // A path needs room for its NUL, which an abstract name has in front.
    if (address.text.size() >= sizeof address.name.sun_path)
        throw SystemFailure(ENAMETOOLONG, "connect", address.text,
                            "an AF_UNIX address has at most 107 bytes");
    address.name.sun_family = AF_UNIX;
    std::memcpy(address.name.sun_path, address.text.data(), address.text.size());
    address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.text.size());
    if (address.text.front() == '@')
        address.name.sun_path[0] = '\0';
    else
        address.length++;
    return address;
}

bool Wait(int descriptor, short events, const Deadline &deadline, int cancelled) {
    pollfd polled[2] = {{events != 0 ? descriptor : -1, events, 0}, {cancelled, POLLIN, 0}};
    for (;;) {
        int left = deadline.LeftMs();
        int ready = poll(polled, 2, left);
        if (ready < 0 && errno != EINTR)
            throw SystemFailure(errno, "poll");
        if (ready > 0 && polled[1].revents != 0)
            throw SystemFailure(ECANCELED, "poll");
        if (ready > 0)
            return true;
        if (left == 0)
            return false;
    }
}

ssize_t SendOnce(int socket, const Address *to, std::span<const uint8_t> bytes,
                 std::span<const int> descriptors) {
    alignas(cmsghdr) char control[CMSG_SPACE(mostPassedDescriptors * sizeof(int))] = {};
    iovec part = {const_cast<uint8_t *>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (to != nullptr) {
        message.msg_name = const_cast<sockaddr_un *>(&to->name);
        message.msg_namelen = to->length;
    }
    if (!descriptors.empty()) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
        cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
        std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent;
}

bool ReceiveOnce(int socket, std::span<uint8_t> buffer, std::vector<UniqueDescriptor> &descriptors,
                 Received &received) {
    // Room for as many descriptors as one message can carry: a smaller buffer would let the kernel drop some
    // unseen.
    alignas(cmsghdr) char control[CMSG_SPACE(mostPassedDescriptors * sizeof(int)) +
                                  CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(sizeof(int))];
    iovec part = {buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    // Before the call, so that no descriptor is lost for want of memory.
    descriptors.reserve(descriptors.size() + mostPassedDescriptors);
    ssize_t count;
    do
        count = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (count < 0 && errno == EINTR);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return false;
    if (count < 0)
        throw SystemFailure(errno, "recvmsg");
    for (cmsghdr *header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET)
            continue;
        if (header->cmsg_type == SCM_RIGHTS) {
            size_t number = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            for (size_t index = 0; index < number; index++) {
                int descriptor;
                std::memcpy(&descriptor, CMSG_DATA(header) + index * sizeof descriptor, sizeof descriptor);
                descriptors.emplace_back(descriptor);
            }
        } else if (header->cmsg_type == SCM_CREDENTIALS && header->cmsg_len == CMSG_LEN(sizeof(ucred))) {
            std::memcpy(&received.sender, CMSG_DATA(header), sizeof received.sender);
            received.hasSender = true;
        }
    }
    if ((message.msg_flags & MSG_CTRUNC) != 0)
        throw SystemFailure(EMFILE, "recvmsg", {}, "descriptors that the peer sent could not be received");
    received.bytes = static_cast<size_t>(count);
    received.truncated = (message.msg_flags & MSG_TRUNC) != 0;
    return true;
}

Napi::Object MessageObject(Napi::Env env, const std::vector<uint8_t> &bytes,
                           std::vector<UniqueDescriptor> &descriptors) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("bytes", Napi::Buffer<uint8_t>::Copy(env, bytes.data(), bytes.size()));
    Napi::Array numbers = Napi::Array::New(env, descriptors.size());
    for (size_t index = 0; index < descriptors.size(); index++)
        numbers.Set(static_cast<uint32_t>(index), Napi::Number::New(env, descriptors[index].Get()));
    object.Set("descriptors", numbers);
    // Nothing can fail any more: only now they are no longer closed here.
    for (UniqueDescriptor &descriptor : descriptors)
        descriptor.Release();
    return object;
}

Napi::Object CredentialsObject(Napi::Env env, const ucred &credentials) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("pid", Napi::Number::New(env, credentials.pid));
    object.Set("uid", Napi::Number::New(env, credentials.uid));
    object.Set("gid", Napi::Number::New(env, credentials.gid));
    return object;
}

static Napi::Value PeerCredentials(const Napi::CallbackInfo &info) {
    int descriptor = Descriptor(info[0]);
    ucred credentials{};
    socklen_t length = sizeof credentials;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0)
        throw SystemFailure(errno, "getsockopt");
    // A socket of another family, or without a peer, has nobody's ids.
    if (credentials.uid == static_cast<uid_t>(-1))
        throw SystemFailure(ENOTCONN, "getsockopt", {}, "the socket has no peer with credentials");
    return CredentialsObject(info.Env(), credentials);
}

static Napi::Value SendWithDescriptor(const Napi::CallbackInfo &info) {
    int socket = Descriptor(info[0]);
    int passed = static_cast<int>(Integer(info[2], "passedDescriptor", -1, std::numeric_limits<int>::max()));
    Deadline deadline(Integer(info[3], "timeoutMs", 0, 10'000));
    std::span<const uint8_t> bytes = Bytes(info[1], "bytes", mostMessageBytes);
    if (bytes.empty())
        throw Napi::RangeError::New(info.Env(),
                                    "bytes must not be empty: a descriptor travels with the first");
    std::span<const int> descriptors(&passed, passed >= 0 ? 1 : 0);
    while (!bytes.empty()) {
        ssize_t sent = SendOnce(socket, nullptr, bytes, descriptors);
        if (sent >= 0) {
            bytes = bytes.subspan(static_cast<size_t>(sent));
            descriptors = {};
        } else if (errno != EAGAIN || !Wait(socket, POLLOUT, deadline, -1)) {
            throw SystemFailure(errno, "sendmsg");
        }
    }
    return info.Env().Undefined();
}

void ExportSocket(Napi::Object exports) {
    Export<PeerCredentials>(exports, "peerCredentials");
    Export<SendWithDescriptor>(exports, "sendWithDescriptor");
}

} // namespace xos
