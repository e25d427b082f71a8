// Work that may block, each on a thread of its own, its result as a promise. Not libuv's pool: its four
// threads also serve fs, dns and crypto, which a peer that does not answer must not stop; and a new thread
// has its creator's session keyring, a pooled one has not.
#pragma once

#include "system-error.h"
#include "unique-descriptor.h"
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <napi.h>
#include <optional>
#include <thread>

namespace xos {

class ThreadWork {
  public:
    virtual ~ThreadWork() = default;
    // On the work's thread; may throw SystemFailure. `cancelled` becomes readable when the environment goes
    // away.
    virtual void Execute(int cancelled) = 0;
    // Afterwards on JavaScript's thread; what it throws rejects the promise.
    virtual Napi::Value Result(Napi::Env env) = 0;
};

// The threads of one environment (the main thread or a worker_thread).
class Threads {
  public:
    explicit Threads(Napi::Env env);
    // Runs only after the environment's clean-up hook has joined every thread.
    ~Threads() = default;
    Threads(const Threads &) = delete;
    Threads &operator=(const Threads &) = delete;

    Napi::Promise Submit(Napi::Env env, std::unique_ptr<ThreadWork> work);

  private:
    struct Job {
        std::unique_ptr<ThreadWork> work;
        Napi::Promise::Deferred deferred;
        std::optional<SystemFailure> failure;
        std::thread thread;
        bool done = false;
    };

    static void Drain(napi_env env, napi_value, void *context, void *);
    static void Shutdown(void *self);
    void StartWaiting(Napi::Env env);
    void Run(Job &job);
    static void Settle(Napi::Env env, Job &job);

    napi_threadsafe_function notify_ = nullptr;
    UniqueDescriptor cancelled_;
    std::deque<std::unique_ptr<Job>> waiting_;
    std::list<std::unique_ptr<Job>> running_;
    // Guards `done` of the running jobs.
    std::mutex mutex_;
};

} // namespace xos
