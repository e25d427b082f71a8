import type { Message } from './message.ts';
import type { FuseOperations } from './operations.ts';
import type { ReplyWriter } from './reply-writer.ts';
import type { PendingRequest } from './request.ts';

/** How one opcode is taken apart, asked of the file system and answered. */
export interface RequestKind<T> {
  readonly operation: keyof FuseOperations;
  /** The least that must follow the header. */
  readonly bodyBytes: number;
  /** Of lookups: they are answered in time even when the file system is not. */
  readonly timed?: boolean;
  /** Data in the receive buffer is used until the operation is done. */
  readonly keepsBuffer?: boolean;
  /** What a signal that kills nobody does: lets go on (default), or ends a wait that the kernel begins anew. */
  readonly anySignal?: boolean;
  /** An answer is owed to the data even when its process is at its end. */
  readonly survivesExit?: boolean;
  run(
    operations: FuseOperations,
    request: PendingRequest,
    message: Message,
  ): T | number | undefined | Promise<T | number>;
  /** @returns a negative errno to answer instead; anything else counts for nothing. */
  encode?(reply: T, writer: ReplyWriter, request: PendingRequest): unknown;
  /** The reply was written, or will never be. */
  done?(reply: T, operations: FuseOperations): void;
  /** Takes back what the kernel was never told: it would hold a node or an opening for ever. */
  undo?(reply: T, operations: FuseOperations, request: PendingRequest, node: number): void;
}

/** Kinds differ in what their operations answer; a table holds them by leaving that open. */
export type AnyKind = RequestKind<never>;

export function kind<T>(description: RequestKind<T>): AnyKind {
  return description as unknown as AnyKind;
}
