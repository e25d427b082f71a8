// A thread with a descriptor table of its own, for calls that the kernel may hold up until this process has
// answered other requests. Were its table the process's, kill -9 would free nobody: the process ends only
// with its last thread, /dev/fuse is closed only when the process ends, and the thread waits for what only
// that close answers.
#pragma once

#include "../unique-descriptor.h"
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace xos {

class IsolatedThread : public std::enable_shared_from_this<IsolatedThread> {
  public:
    // `device`: a mounted /dev/fuse whose twin the thread gets, or -1. Throws SystemFailure.
    static std::shared_ptr<IsolatedThread> Start(int device);
    explicit IsolatedThread(UniqueDescriptor done) : done_(std::move(done)) {}

    using Work = std::function<int(int device)>;
    // Runs after what was submitted before; its result (0 or -errno) comes from Take().
    void Submit(int64_t token, Work work);
    // Readable when there are results.
    int Done() const {
        return done_.Get();
    }
    std::vector<std::pair<int64_t, int>> Take();
    // The thread ends when it has done what was submitted; it is not waited for.
    void End();

  private:
    void Run(int device, int done);

    UniqueDescriptor done_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::pair<int64_t, Work>> work_;
    std::vector<std::pair<int64_t, int>> results_;
    bool ready_ = false;
    bool ending_ = false;
};

} // namespace xos
