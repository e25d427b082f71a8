/**
 * What a FUSE server needs of Linux and Node does not offer: /dev/fuse in the event loop, mounting, and a thread for calls
 * that may wait for the server itself. The protocol is packages/fuse's.
 */
export { guardProgram } from './addon.ts';
export { mount, openDevice, readRequest, startWatch, stopWatch, writeReply } from './device.ts';
export { type IsolatedThread, startIsolatedThread } from './isolated-thread.ts';
