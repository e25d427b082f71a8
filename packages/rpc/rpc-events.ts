import { defineEvent } from '@xtreemos/base';

/** What the journal is told; see docs/events.md. */
export const events = {
  connectionRefused: defineEvent('rpc.connection-refused'),
  acceptFailed: defineEvent('rpc.accept-failed'),
  fewDescriptors: defineEvent('rpc.few-descriptors'),
  callFailed: defineEvent('rpc.call-failed'),
} as const;
