import {
  decodeMessage,
  FRAME_HEADER_BYTES,
  FRAME_MAX_BYTES,
  type Message,
  PROTOCOL,
} from './generated/codec.ts';
import { ProtocolError } from './protocol-error.ts';

/**
 * Cuts a byte stream into messages. Holds at most one frame (64 KiB) and the chunk just pushed. Throws ProtocolError
 * on anything else than well-formed frames; after that the stream cannot be resynchronized.
 */
export class FrameReader {
  #held: Buffer[] = [];
  #heldBytes = 0;

  /** The messages that chunk completes, in order. */
  push(chunk: Buffer): Message[] {
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    const found: Message[] = [];
    for (;;) {
      const header = this.#peek(FRAME_HEADER_BYTES);
      if (header === undefined) return found;
      if (header.readUInt16LE(0) !== PROTOCOL) {
        throw new ProtocolError(
          `the frame begins with 0x${header.readUInt16LE(0).toString(16)}, not our protocol`,
        );
      }
      const frameBytes = FRAME_HEADER_BYTES + header.readUInt32LE(4);
      if (frameBytes > FRAME_MAX_BYTES) {
        throw new ProtocolError(`a frame of ${frameBytes} bytes exceeds the limit of ${FRAME_MAX_BYTES}`);
      }
      const frame = this.#peek(frameBytes);
      if (frame === undefined) return found;
      this.#held = [frame.subarray(frameBytes)];
      this.#heldBytes -= frameBytes;
      found.push(decodeMessage(frame.readUInt16LE(2), frame.subarray(FRAME_HEADER_BYTES, frameBytes)));
    }
  }

  /** True between frames: the peer may close now without having cut a message. */
  get idle(): boolean {
    return this.#heldBytes === 0;
  }

  #peek(bytes: number): Buffer | undefined {
    if (this.#heldBytes < bytes) return undefined;
    const [first] = this.#held;
    if (first !== undefined && first.length >= bytes) return first;
    const joined = Buffer.concat(this.#held, this.#heldBytes);
    this.#held = [joined];
    return joined;
  }
}
