import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  AuthType,
  type ErrorType,
  MessageType,
  type POSIXErrno,
  type RPCHeader,
  RPCHeaderSchema,
} from './generated/rpc_pb.js';
import { kindOf, RpcError } from './rpc-error.ts';

/** The user a call is made for, as the caller names him. */
export interface CallUser {
  /** `user@vo`, or a number where the volume takes foreign ids. */
  readonly name: string;
  readonly groups: readonly string[];
}

export const nobody: CallUser = { name: '', groups: [] };

export interface RequestHead {
  readonly callId: number;
  readonly interfaceId: number;
  readonly procId: number;
  readonly user: CallUser;
}

/** Headers of one kind differ in the number of the call alone, which stands first: a tag, and four bytes. */
const callIdTag = 0x0d;
const behindCallId = 5;

const requestHeaders = new WeakMap<CallUser, Map<number, Buffer>>();

/** The bytes are to be used before the next call of this function. A user that was named once must not change. */
export function requestHeader({ callId, interfaceId, procId, user }: RequestHead): Uint8Array {
  const ofUser = requestHeaders.get(user) ?? new Map<number, Buffer>();
  const call = interfaceId * 2 ** 16 + procId;
  let bytes = ofUser.get(call);
  if (bytes === undefined) {
    const userCreds = { username: user.name, groups: [...user.groups] };
    const authData = { authType: AuthType.AUTH_NONE };
    const header = create(RPCHeaderSchema, {
      callId: 0,
      messageType: MessageType.RPC_REQUEST,
      requestHeader: { interfaceId, procId, userCreds, authData },
    });
    bytes = Buffer.from(toBinary(RPCHeaderSchema, header));
    ofUser.set(call, bytes);
    requestHeaders.set(user, ofUser);
  }
  bytes.writeUInt32LE(callId, 1);
  return bytes;
}

const success = Buffer.from(
  toBinary(
    RPCHeaderSchema,
    create(RPCHeaderSchema, { callId: 0, messageType: MessageType.RPC_RESPONSE_SUCCESS }),
  ),
);

/** The bytes are to be used before the next call of this function. */
export function successHeader(callId: number): Uint8Array {
  success.writeUInt32LE(callId, 1);
  return success;
}

/** Of a header as `successHeader` makes it; undefined for any other, which may report success as well. */
export function successIdOf(bytes: Uint8Array): number | undefined {
  if (bytes.length !== success.length || bytes[0] !== callIdTag) return undefined;
  for (let at = behindCallId; at < success.length; at++) if (bytes[at] !== success[at]) return undefined;
  return callIdOf(bytes);
}

function callIdOf(bytes: Uint8Array): number {
  return ((bytes[1] ?? 0) | ((bytes[2] ?? 0) << 8) | ((bytes[3] ?? 0) << 16) | ((bytes[4] ?? 0) << 24)) >>> 0;
}

/** @param errno of Linux; the interface names few of them, and its readers take any number. */
export function errorHeader(
  callId: number,
  error: { readonly type: ErrorType; readonly message: string; readonly errno?: number },
): Uint8Array {
  return toBinary(
    RPCHeaderSchema,
    create(RPCHeaderSchema, {
      callId,
      messageType: MessageType.RPC_RESPONSE_ERROR,
      errorResponse: {
        errorType: error.type,
        errorMessage: error.message,
        ...(error.errno === undefined ? {} : { posixErrno: error.errno as POSIXErrno }),
      },
    }),
  );
}

/** @throws RpcError 'frame' when it is none */
export function readHeader(bytes: Uint8Array): RPCHeader {
  try {
    return fromBinary(RPCHeaderSchema, bytes);
  } catch (cause) {
    throw new RpcError('frame', 'the header cannot be read', { cause });
  }
}

/** What stands behind the call's number, by its bytes, oldest first: clients send the same again and again. */
const requestHeads = new Map<string, Omit<RequestHead, 'callId'>>();
const mostHeads = 1024;
const mostHeadBytes = 512;

/** @throws RpcError 'frame' when it is not the header of a request */
export function readRequestHead(bytes: Uint8Array): RequestHead {
  const isUsual = bytes[0] === callIdTag && bytes.length > behindCallId && bytes.length <= mostHeadBytes;
  const key = isUsual
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1', behindCallId)
    : '';
  const known = requestHeads.get(key);
  if (known !== undefined) return { callId: callIdOf(bytes), ...known };
  const { callId, messageType, requestHeader: request } = readHeader(bytes);
  if (messageType !== MessageType.RPC_REQUEST || request === undefined)
    throw new RpcError('frame', 'a request was expected');
  const { interfaceId, procId, userCreds } = request;
  const head = {
    interfaceId,
    procId,
    user: { name: userCreds?.username ?? '', groups: userCreds?.groups ?? [] },
  };
  // The number could come a second time behind, and count then.
  if (isUsual && callId === callIdOf(bytes)) {
    if (requestHeads.size >= mostHeads)
      for (const oldest of requestHeads.keys()) if (requestHeads.delete(oldest)) break;
    requestHeads.set(key, head);
  }
  return { callId, ...head };
}

/** The error that a response reports; undefined when it reports success. */
export function errorOf({ messageType, errorResponse }: RPCHeader): RpcError | undefined {
  if (messageType === MessageType.RPC_RESPONSE_SUCCESS) return undefined;
  if (messageType !== MessageType.RPC_RESPONSE_ERROR || errorResponse === undefined)
    return new RpcError('frame', 'a response was expected');
  const { errorType, errorMessage, posixErrno, redirectToServerUuid } = errorResponse;
  const kind = kindOf(errorType);
  const message = errorMessage === '' ? `error ${errorType}` : errorMessage;
  return new RpcError(kind, message, {
    ...(kind === 'errno' ? { errno: posixErrno } : {}),
    ...(redirectToServerUuid === '' ? {} : { redirectUuid: redirectToServerUuid }),
  });
}
