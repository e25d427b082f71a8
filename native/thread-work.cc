#include "thread-work.h"
#include <csignal>
#include <cstdint>
#include <pthread.h>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>

namespace xos {

constexpr size_t mostThreads = 64;

Threads::Threads(Napi::Env env) : cancelled_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!cancelled_.IsOpen())
        throw SystemFailure(errno, "eventfd");
    Napi::String name = Napi::String::New(env, "xtreemos:thread-work");
    NAPI_THROW_IF_FAILED_VOID(env, napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr,
                                                                   nullptr, this, Drain, &notify_));
    NAPI_THROW_IF_FAILED_VOID(env, napi_unref_threadsafe_function(env, notify_));
    // Hooks run in reverse order: this one, which joins the threads, before the function's own, after which
    // no thread may call it.
    NAPI_THROW_IF_FAILED_VOID(env, napi_add_env_cleanup_hook(env, Shutdown, this));
}

Napi::Promise Threads::Submit(Napi::Env env, std::unique_ptr<ThreadWork> work) {
    auto job = std::make_unique<Job>(
        Job{std::move(work), Napi::Promise::Deferred::New(env), std::nullopt, std::thread(), false});
    Napi::Promise promise = job->deferred.Promise();
    if (running_.empty() && waiting_.empty())
        napi_ref_threadsafe_function(env, notify_);
    waiting_.push_back(std::move(job));
    StartWaiting(env);
    return promise;
}

void Threads::StartWaiting(Napi::Env env) {
    while (running_.size() < mostThreads && !waiting_.empty()) {
        running_.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
        Job &job = *running_.back();
        // Signals are for JavaScript's thread; a new thread inherits the mask.
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        bool started = true;
        try {
            job.thread = std::thread([this, &job] { Run(job); });
        } catch (const std::system_error &error) {
            started = false;
            job.failure.emplace(error.code().value(), "pthread_create");
        }
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        // Once it has started, the job is its thread's until it is done.
        if (!started) {
            std::unique_ptr<Job> failed = std::move(running_.back());
            running_.pop_back();
            Settle(env, *failed);
        }
    }
    if (running_.empty() && waiting_.empty())
        napi_unref_threadsafe_function(env, notify_);
}

void Threads::Run(Job &job) {
    try {
        job.work->Execute(cancelled_.Get());
    } catch (const SystemFailure &failure) {
        job.failure = failure;
    } catch (const std::bad_alloc &) {
        job.failure.emplace(ENOMEM, "malloc");
    }
    {
        std::lock_guard lock(mutex_);
        job.done = true;
    }
    napi_call_threadsafe_function(notify_, nullptr, napi_tsfn_nonblocking);
}

void Threads::Drain(napi_env environment, napi_value, void *context, void *) {
    if (environment == nullptr)
        return;
    Napi::Env env(environment);
    auto &self = *static_cast<Threads *>(context);
    std::list<std::unique_ptr<Job>> finished;
    {
        std::lock_guard lock(self.mutex_);
        for (auto job = self.running_.begin(); job != self.running_.end();) {
            auto next = std::next(job);
            if ((*job)->done)
                finished.splice(finished.end(), self.running_, job);
            job = next;
        }
    }
    if (finished.empty())
        return;
    for (auto &job : finished) {
        job->thread.join();
        Settle(env, *job);
    }
    self.StartWaiting(env);
}

void Threads::Settle(Napi::Env env, Job &job) {
    Napi::HandleScope scope(env);
    try {
        try {
            if (job.failure)
                job.deferred.Reject(ToError(env, *job.failure).Value());
            else
                job.deferred.Resolve(job.work->Result(env));
        } catch (const Napi::Error &error) {
            job.deferred.Reject(error.Value());
        } catch (const std::bad_alloc &) {
            job.deferred.Reject(ToError(env, SystemFailure(ENOMEM, "malloc")).Value());
        }
    } catch (const Napi::Error &) {
        // A worker that is being stopped makes no objects any more, and nobody is left to be told.
    }
}

void Threads::Shutdown(void *context) {
    auto &self = *static_cast<Threads *>(context);
    uint64_t one = 1;
    [[maybe_unused]] ssize_t written = write(self.cancelled_.Get(), &one, sizeof one);
    for (auto &job : self.running_)
        job->thread.join();
    self.running_.clear();
    self.waiting_.clear();
}

} // namespace xos
