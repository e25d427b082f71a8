// A file descriptor that closes itself.
#pragma once

#include <cerrno>
#include <unistd.h>
#include <utility>

namespace xos {

class UniqueDescriptor {
  public:
    UniqueDescriptor() = default;
    explicit UniqueDescriptor(int number) : number_(number) {}
    UniqueDescriptor(UniqueDescriptor &&other) noexcept : number_(other.Release()) {}
    UniqueDescriptor &operator=(UniqueDescriptor &&other) noexcept {
        if (this != &other) {
            Close();
            number_ = other.Release();
        }
        return *this;
    }
    ~UniqueDescriptor() {
        Close();
    }

    int Get() const {
        return number_;
    }
    bool IsOpen() const {
        return number_ >= 0;
    }
    int Release() {
        return std::exchange(number_, -1);
    }
    void Close() {
        // errno survives: descriptors close on the way out of a call that failed.
        if (number_ >= 0) {
            int saved = errno;
            close(number_);
            errno = saved;
            number_ = -1;
        }
    }

  private:
    int number_ = -1;
};

} // namespace xos
