import {
  type DetailsOf,
  dbusErrorName,
  type ErrorCode,
  type ErrorDetails,
  type ExitCode,
  errorCodeOfDbusName,
  errorRow,
  isErrorCode,
} from './error-registry.ts';

/** The body of an HTTP answer that reports an error. */
export interface ErrorBody {
  readonly error: { readonly code: string; readonly message: string; readonly details: ErrorDetails };
}

/**
 * An error of the registry. `new XosError('XOS_NOT_FOUND', { what: 'VO', name: 'physics' })` has the message
 * "There is no VO physics". Details travel to clients and into logs: no secrets, no file contents.
 */
export class XosError<Code extends ErrorCode = ErrorCode> extends Error {
  readonly code: Code;
  readonly details: ErrorDetails;

  constructor(code: Code, details: DetailsOf<Code>, options?: { readonly cause?: unknown }) {
    super(sentenceOf(code, details), options);
    this.name = 'XosError';
    this.code = code;
    this.details = details;
  }

  get exitCode(): ExitCode {
    return errorRow(this.code).exitCode;
  }

  get httpStatus(): number {
    return errorRow(this.code).httpStatus;
  }

  get dbusName(): string {
    return dbusErrorName(this.code);
  }

  toBody(): ErrorBody {
    return { error: { code: this.code, message: this.message, details: this.details } };
  }
}

/** True for an error of the registry, with the code when one is named. */
export function isXosError<Code extends ErrorCode = ErrorCode>(
  error: unknown,
  code?: Code,
): error is XosError<Code> {
  return error instanceof XosError && (code === undefined || error.code === code);
}

/** The sentence of a code with its `{names}` filled in; control characters of the details are escaped. */
export function sentenceOf(code: ErrorCode, details: ErrorDetails): string {
  return errorRow(code).sentence.replace(/\{(\w+)\}/g, (_match, name: string) => readable(details[name]));
}

function readable(value: unknown): string {
  const text = typeof value === 'string' ? value : value === undefined ? 'unknown' : JSON.stringify(value);
  const line = escapeControls(text);
  return line.length > 1000 ? `${line.slice(0, 1000)}...` : line;
}

/** Control and direction characters as \xNN, \uNNNN: what a stranger sent must not move the reader's cursor or eye. */
export function escapeControls(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (character) => {
    const code = character.charCodeAt(0);
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });
}

/**
 * Any thrown value as an error of the registry: itself when it is one, else XOS_INTERNAL with the value as cause.
 * `attempt` continues "Internal error while ...".
 */
export function toXosError(error: unknown, attempt: string): XosError {
  if (error instanceof XosError) return error;
  return new XosError('XOS_INTERNAL', { attempt, reason: reasonOf(error) }, { cause: error });
}

/** Why, in one line, from any thrown value. */
export function reasonOf(error: unknown): string {
  // What connecting to a name with several addresses throws: the reasons stand in the parts alone.
  if (error instanceof AggregateError && error.message === '') {
    return [...new Set(error.errors.map(reasonOf))].join('; ');
  }
  return error instanceof Error ? error.message : String(error);
}

/**
 * The error that an HTTP body reports. A code that this version does not know, or a body of another shape, becomes
 * XOS_REMOTE. The message is always made from our own sentence: nothing a peer wrote replaces it.
 */
export function errorFromBody(
  body: unknown,
  context: { readonly peer: string; readonly attempt: string },
): XosError {
  const error = property(body, 'error');
  const code = property(error, 'code');
  const message = property(error, 'message');
  const details = property(error, 'details');
  if (isErrorCode(code)) return fromPeer(code, isDetails(details) ? details : {});
  const reason = typeof message === 'string' ? message : 'an error without a known code';
  return new XosError('XOS_REMOTE', { ...context, reason });
}

/** A D-Bus error reply: its name and its arguments, see `toDbusError`. */
export interface DbusErrorReply {
  readonly name: string;
  readonly message: string;
  /** JSON; empty when the peer is none of ours. */
  readonly details: string;
}

/** The error that a D-Bus error reply reports; XOS_REMOTE with `details.dbusName` when it is none of ours. */
export function errorFromDbus(
  reply: DbusErrorReply,
  context: { readonly peer: string; readonly attempt: string },
): XosError {
  const code = errorCodeOfDbusName(reply.name);
  if (code !== undefined) return fromPeer(code, parseDetails(reply.details));
  const reason = reply.message === '' ? reply.name : reply.message;
  return new XosError('XOS_REMOTE', { ...context, reason, dbusName: reply.name });
}

/** What a D-Bus error reply carries: the sentence for people, and the details for programs as a second argument. */
export function toDbusError(error: XosError): DbusErrorReply {
  return { name: error.dbusName, message: error.message, details: JSON.stringify(error.details) };
}

function parseDetails(text: string): ErrorDetails {
  try {
    const details: unknown = JSON.parse(text);
    return isDetails(details) ? details : {};
  } catch {
    return {};
  }
}

function fromPeer(code: ErrorCode, details: ErrorDetails): XosError {
  // The peer may be of another version: placeholders that it did not fill read "unknown".
  return new XosError<ErrorCode>(code, details as DetailsOf<ErrorCode>);
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

function isDetails(value: unknown): value is ErrorDetails {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
