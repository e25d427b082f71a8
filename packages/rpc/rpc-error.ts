import { ErrorType } from './generated/rpc_pb.js';

/**
 * Why a call got no response. Of the peer: `errno` (with the number of Linux), `arguments`, `call` (no such interface or
 * call), `user` (not believed or not allowed), `redirect`, `internal`, `other`. Of the way: `frame` (it sent what is no frame
 * of the protocol), `unreachable`, `timeout`, `cancelled`.
 */
export type RpcErrorKind =
  | 'errno'
  | 'arguments'
  | 'call'
  | 'user'
  | 'redirect'
  | 'internal'
  | 'other'
  | 'frame'
  | 'unreachable'
  | 'timeout'
  | 'cancelled';

export class RpcError extends Error {
  readonly kind: RpcErrorKind;
  /** Of Linux; 0 where the kind is not `errno`. */
  readonly errno: number;
  /** Of the server to ask instead, where the kind is `redirect`. */
  readonly redirectUuid: string | undefined;

  constructor(
    kind: RpcErrorKind,
    reason: string,
    details: { readonly errno?: number; readonly redirectUuid?: string; readonly cause?: unknown } = {},
  ) {
    // An errno is an answer: where it was made is of no interest, and costs more than the rest of the call.
    const { stackTraceLimit } = Error;
    if (kind === 'errno') Error.stackTraceLimit = 0;
    super(reason, { cause: details.cause });
    Error.stackTraceLimit = stackTraceLimit;
    this.name = 'RpcError';
    this.kind = kind;
    this.errno = details.errno ?? 0;
    this.redirectUuid = details.redirectUuid;
  }
}

const kinds: { readonly [type: number]: RpcErrorKind } = {
  [ErrorType.INVALID_INTERFACE_ID]: 'call',
  [ErrorType.INVALID_PROC_ID]: 'call',
  [ErrorType.GARBAGE_ARGS]: 'arguments',
  [ErrorType.AUTH_FAILED]: 'user',
  [ErrorType.INTERNAL_SERVER_ERROR]: 'internal',
  [ErrorType.ERRNO]: 'errno',
  [ErrorType.REDIRECT]: 'redirect',
};

/** The kind of an error response; types that we have no use for are `other`. */
export function kindOf(type: ErrorType): RpcErrorKind {
  return kinds[type] ?? 'other';
}

/** The type that tells a peer of an error; what is of the way never travels. */
export function typeOf(kind: RpcErrorKind): ErrorType {
  if (kind === 'call') return ErrorType.INVALID_PROC_ID;
  const found = Object.entries(kinds).find(([, known]) => known === kind);
  return found === undefined ? ErrorType.INTERNAL_SERVER_ERROR : (Number(found[0]) as ErrorType);
}
