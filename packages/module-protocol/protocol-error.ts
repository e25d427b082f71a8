/** A peer broke the protocol. The connection is useless afterwards: close it. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}
