import type { FastifyReply } from 'fastify';
import type { AnswerSchemaName, RequestSchemaName } from './api-schemas.ts';
import type { Operation, Target } from './authorization.ts';
import type { Caller } from './caller.ts';
import type { MembershipPublisher } from './membership-document.ts';
import type { VoContext } from './vo-context.ts';

/** A request whose parts were checked against their schemas and whose caller may do this. */
export interface RouteCall {
  readonly context: VoContext;
  readonly membership: MembershipPublisher;
  readonly caller: Caller;
  /** The caller as the audit log names it. */
  readonly actor: string;
  readonly params: Readonly<Record<ParameterName, string>>;
  readonly query: Readonly<Partial<Record<QueryName, string>>>;
  /** Of the shape that the route's body schema demands. */
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** For answers that are no JSON. */
  readonly reply: FastifyReply;
}

export type ParameterName = 'vo' | 'user' | 'group' | 'role' | 'hostname' | 'domain' | 'name' | 'serial';
export type QueryName = 'status' | 'user' | 'after' | 'limit' | 'group';

/** One row of the API: what http-server.ts serves and open-api.ts describes. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** fastify's form, `/v1/vos/:vo`. */
  readonly url: string;
  readonly operation: Operation;
  readonly summary: string;
  readonly body?: RequestSchemaName;
  readonly query?: readonly QueryName[];
  /** Null: 204 without content. */
  readonly answer: AnswerSchemaName | null;
  /** Status of success, 200 unless given (204 when there is no content). */
  readonly status?: number;
  /** What the operation is about where path and query do not say it. Its errors come before those of permission. */
  readonly target?: (call: Omit<RouteCall, 'reply'>) => Promise<Target>;
  readonly handle: (call: RouteCall) => Promise<unknown>;
}
