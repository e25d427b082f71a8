// The few functions of libuv that watching a descriptor takes, with handles that only libuv knows the size
// of: no header of one Node version is needed. libuv keeps its binary interface for the life of version 1
// (docs/decisions/fuse-transport.md).
#pragma once

#include <cstddef>

extern "C" {
struct uv_loop_s;
struct uv_poll_s;
size_t uv_handle_size(int type);
int uv_poll_init(uv_loop_s *loop, uv_poll_s *handle, int descriptor);
int uv_poll_start(uv_poll_s *handle, int events, void (*callback)(uv_poll_s *handle, int status, int events));
int uv_poll_stop(uv_poll_s *handle);
void uv_close(uv_poll_s *handle, void (*closed)(uv_poll_s *handle));
void uv_handle_set_data(uv_poll_s *handle, void *data);
void *uv_handle_get_data(const uv_poll_s *handle);
}

namespace xos {
constexpr int uvPollHandle = 8;
constexpr int uvReadable = 1;
} // namespace xos
