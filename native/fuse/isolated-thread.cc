#include "isolated-thread.h"
#include "fuse.h"
#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/ioctl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <system_error>
#include <thread>

namespace xos {

// FUSE_DEV_IOC_CLONE of linux/fuse.h.
constexpr unsigned long cloneDevice = _IOR(229, 0, uint32_t);
constexpr int64_t mostToken = (int64_t{1} << 53) - 1;
constexpr size_t mostMessageBytes = 4096;
constexpr size_t mostDataBytes = 16 << 20;

static UniqueDescriptor Twin(int device) {
    UniqueDescriptor twin(open("/dev/fuse", O_RDWR | O_CLOEXEC));
    if (!twin.IsOpen())
        throw SystemFailure(errno, "open", "/dev/fuse");
    auto number = static_cast<uint32_t>(device);
    if (ioctl(twin.Get(), cloneDevice, &number) != 0)
        throw SystemFailure(errno, "ioctl", "/dev/fuse");
    return twin;
}

// Leaves the calling thread with `kept` alone.
static bool Isolate(std::vector<int> kept) {
    std::sort(kept.begin(), kept.end());
    unsigned first = 0;
    unsigned flags = CLOSE_RANGE_UNSHARE;
    for (int descriptor : kept) {
        auto number = static_cast<unsigned>(descriptor);
        if (number > first) {
            if (syscall(SYS_close_range, first, number - 1, flags) != 0)
                return false;
            flags = 0;
        }
        first = number + 1;
    }
    return syscall(SYS_close_range, first, ~0U, flags) == 0;
}

std::shared_ptr<IsolatedThread> IsolatedThread::Start(int device) {
    UniqueDescriptor twin = device >= 0 ? Twin(device) : UniqueDescriptor();
    UniqueDescriptor done(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!done.IsOpen())
        throw SystemFailure(errno, "eventfd");
    auto self = std::make_shared<IsolatedThread>(std::move(done));
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = 0;
    try {
        std::thread([self, number = twin.Get()] { self->Run(number, self->done_.Get()); }).detach();
    } catch (const std::system_error &error) {
        failed = error.code().value();
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (failed != 0)
        throw SystemFailure(failed, "pthread_create");
    // The twin is the thread's alone once it has copied the table; that takes microseconds.
    std::unique_lock lock(self->mutex_);
    self->changed_.wait(lock, [&] { return self->ready_; });
    if (self->ending_)
        throw SystemFailure(ENOSYS, "close_range", {}, "Linux 5.9 or later is needed");
    return self;
}

void IsolatedThread::Run(int device, int done) {
    bool isolated = Isolate(device >= 0 ? std::vector<int>{device, done} : std::vector<int>{done});
    std::unique_lock lock(mutex_);
    ready_ = true;
    ending_ = !isolated;
    changed_.notify_all();
    for (;;) {
        changed_.wait(lock, [&] { return ending_ || !work_.empty(); });
        if (work_.empty())
            return;
        auto [token, work] = std::move(work_.front());
        work_.pop_front();
        lock.unlock();
        int result = work(device);
        work = nullptr;
        lock.lock();
        results_.emplace_back(token, result);
        uint64_t one = 1;
        [[maybe_unused]] ssize_t written = write(done, &one, sizeof one);
    }
}

void IsolatedThread::Submit(int64_t token, Work work) {
    std::lock_guard lock(mutex_);
    work_.emplace_back(token, std::move(work));
    changed_.notify_all();
}

std::vector<std::pair<int64_t, int>> IsolatedThread::Take() {
    uint64_t count;
    [[maybe_unused]] ssize_t got = read(done_.Get(), &count, sizeof count);
    std::lock_guard lock(mutex_);
    return std::exchange(results_, {});
}

void IsolatedThread::End() {
    std::lock_guard lock(mutex_);
    ending_ = true;
    // Here, not with the object: the thread may be its last holder, and would close a number of its own
    // table.
    done_.Close();
    changed_.notify_all();
}

FuseState::~FuseState() {
    for (auto &[number, thread] : isolated)
        thread->End();
}

static IsolatedThread &Find(const Napi::CallbackInfo &info) {
    auto &isolated = State(info.Env()).isolated;
    auto found = isolated.find(Integer(info[0], "thread", 1, mostToken));
    if (found == isolated.end())
        throw Napi::RangeError::New(info.Env(), "thread must be one that runs");
    return *found->second;
}

// startThread(device or -1): {thread, done}; `done` is to be watched, and closed by endThread.
static Napi::Value StartThread(const Napi::CallbackInfo &info) {
    Napi::Env env = info.Env();
    auto thread = IsolatedThread::Start(
        static_cast<int>(Integer(info[0], "device", -1, std::numeric_limits<int>::max())));
    FuseState &state = State(env);
    int64_t number = state.nextIsolated++;
    auto result = Napi::Object::New(env);
    result.Set("thread", Napi::Number::New(env, static_cast<double>(number)));
    result.Set("done", Napi::Number::New(env, thread->Done()));
    state.isolated.emplace(number, std::move(thread));
    return result;
}

static int64_t Token(Napi::Value value) {
    return Integer(value, "token", 0, mostToken);
}

// submitWrite(thread, token, head, data): one message to the thread's device; both are copied.
static Napi::Value SubmitWrite(const Napi::CallbackInfo &info) {
    IsolatedThread &thread = Find(info);
    int64_t token = Token(info[1]);
    auto data = Bytes(info[3], "data", mostDataBytes);
    auto head = Bytes(info[2], "head", mostMessageBytes);
    std::vector<uint8_t> message;
    message.reserve(head.size() + data.size());
    message.insert(message.end(), head.begin(), head.end());
    message.insert(message.end(), data.begin(), data.end());
    thread.Submit(token, [message = std::move(message)](int device) {
        ssize_t written;
        do
            written = write(device, message.data(), message.size());
        while (written < 0 && errno == EINTR);
        return written < 0 ? -errno : 0;
    });
    return info.Env().Undefined();
}

// submitUnmount(thread, token, target, flags): umount2(2), which may wait until dirty pages are written, by
// requests to us.
static Napi::Value SubmitUnmount(const Napi::CallbackInfo &info) {
    IsolatedThread &thread = Find(info);
    int64_t token = Token(info[1]);
    std::string target = Text(info[2], "target", 4095);
    int flags = static_cast<int>(Integer(info[3], "flags", 0, std::numeric_limits<int>::max()));
    thread.Submit(token, [target, flags](int) { return umount2(target.c_str(), flags) != 0 ? -errno : 0; });
    return info.Env().Undefined();
}

// takeResults(thread): [token, result, token, result, ...]
static Napi::Value TakeResults(const Napi::CallbackInfo &info) {
    Napi::Env env = info.Env();
    auto results = Find(info).Take();
    auto array = Napi::Array::New(env, results.size() * 2);
    uint32_t index = 0;
    for (auto [token, result] : results) {
        array.Set(index++, Napi::Number::New(env, static_cast<double>(token)));
        array.Set(index++, Napi::Number::New(env, result));
    }
    return array;
}

static Napi::Value EndThread(const Napi::CallbackInfo &info) {
    Find(info).End();
    State(info.Env()).isolated.erase(info[0].As<Napi::Number>().Int64Value());
    return info.Env().Undefined();
}

void ExportIsolated(Napi::Object exports) {
    Export<StartThread>(exports, "startThread");
    Export<SubmitWrite>(exports, "submitWrite");
    Export<SubmitUnmount>(exports, "submitUnmount");
    Export<TakeResults>(exports, "takeResults");
    Export<EndThread>(exports, "endThread");
}

} // namespace xos
