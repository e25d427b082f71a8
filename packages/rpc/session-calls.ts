import { callsOf } from './call.ts';
import { BindSessionRequestSchema, BindSessionResponseSchema } from './generated/session_pb.js';

const call = callsOf('session', 40001);

/** Our own calls about the connection itself, served by every server of ours that has TLS. */
export const sessionCalls = {
  bind: call('bind', 1, BindSessionRequestSchema, BindSessionResponseSchema),
} as const;
