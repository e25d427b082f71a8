#pragma once

#include "../argument.h"
#include "../system-error.h"
#include "../thread-work.h"
#include "../unique-descriptor.h"
#include <chrono>
#include <napi.h>
#include <span>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <vector>

namespace xos {

// What one environment keeps.
struct SysState {
    explicit SysState(Napi::Env env) : threads(env) {}
    Threads threads;
    // Unbound datagram socket, made at first use.
    UniqueDescriptor datagramSender;
};

class Deadline {
  public:
    explicit Deadline(int64_t timeoutMs)
        : end_(std::chrono::steady_clock::now() + std::chrono::milliseconds(timeoutMs)) {}
    // Rounded up, so that 0 means that time is over.
    int LeftMs() const {
        auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - std::chrono::steady_clock::now());
        return left.count() > 0 ? static_cast<int>(left.count()) : 0;
    }

  private:
    std::chrono::steady_clock::time_point end_;
};

struct Address {
    sockaddr_un name{};
    socklen_t length = 0;
    std::string text;
};

// The kernel's SCM_MAX_FD.
constexpr size_t mostPassedDescriptors = 253;
constexpr int64_t mostMessageBytes = 64 << 20;
constexpr int64_t mostTimeoutMs = 600'000;

// A path, or @name in the abstract namespace.
Address AddressArgument(Napi::Value value);

// Waits until `descriptor` is ready for `events` (0: until time is over); `cancelled` may be -1.
// Returns false when time is over. Throws ECANCELED.
bool Wait(int descriptor, short events, const Deadline &deadline, int cancelled);

// sendmsg without blocking and without SIGPIPE; -1 and errno as sendmsg.
ssize_t SendOnce(int socket, const Address *to, std::span<const uint8_t> bytes,
                 std::span<const int> descriptors);

struct Received {
    size_t bytes = 0;
    // Of the whole message, also what did not fit.
    bool truncated = false;
    bool hasSender = false;
    ucred sender{};
};

// recvmsg without blocking; appends received descriptors. Returns false on EAGAIN, throws on other errors and
// when the kernel had to drop descriptors.
bool ReceiveOnce(int socket, std::span<uint8_t> buffer, std::vector<UniqueDescriptor> &descriptors,
                 Received &received);

// {bytes, descriptors} and the descriptors now JavaScript's.
Napi::Object MessageObject(Napi::Env env, const std::vector<uint8_t> &bytes,
                           std::vector<UniqueDescriptor> &descriptors);

Napi::Object CredentialsObject(Napi::Env env, const ucred &credentials);

void ExportSocket(Napi::Object exports);
void ExportMessage(Napi::Object exports);
void ExportDatagram(Napi::Object exports);
void ExportFile(Napi::Object exports);
void ExportXattr(Napi::Object exports);
void ExportProcess(Napi::Object exports);
void ExportRehash(Napi::Object exports);
void ExportChecksum(Napi::Object exports);
void ExportAllocate(Napi::Object exports);
void ExportCachedRead(Napi::Object exports);

} // namespace xos
