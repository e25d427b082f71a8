import type { DirectoryFill } from './directory-writer.ts';
import type { Message } from './message.ts';
import type { ReceiveBuffer } from './receive-buffer.ts';

/** Who asks, and whether the answer is still wanted. */
export interface FuseRequest {
  /** The kernel's number of the request. */
  readonly unique: number;
  readonly uid: number;
  readonly gid: number;
  /** The thread that asks, as /proc shows it; 0 for the kernel itself and for processes of foreign namespaces. */
  readonly pid: number;
  /**
   * True from the moment when the caller gives up: a fatal signal is pending, a lookup took longer than it may, or the mount
   * is gone; for setlkw any signal. Answer -EINTR then, soon. Harmless signals do not show, for their system calls go on.
   */
  readonly interrupted: boolean;
  /** The same as an AbortSignal, made when it is first asked for. */
  readonly signal: AbortSignal;
}

export class PendingRequest implements FuseRequest {
  readonly unique: number;
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
  interrupted = false;
  answered = false;
  /** What the answer may have: bytes of a read or of an attribute's value. */
  limit = 0;
  /** Of readdir. */
  fill: DirectoryFill | undefined;
  /** Held while the operation uses data in it. */
  buffer: ReceiveBuffer | undefined;
  #controller: AbortController | undefined;

  constructor(message: Message) {
    this.unique = message.unique;
    this.uid = message.uid;
    this.gid = message.gid;
    this.pid = message.pid;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.interrupted) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  interrupt(): void {
    if (this.interrupted) return;
    this.interrupted = true;
    this.#controller?.abort();
  }
}
