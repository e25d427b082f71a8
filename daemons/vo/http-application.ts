import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { defineEvent, toXosError, XosError } from '@xtreemos/base';
import { type FastifyError, type FastifyInstance, type FastifyRequest, fastify } from 'fastify';
import { parameterSchemas, querySchemas, requestSchemas } from './api-schemas.ts';
import { authorize, type Target } from './authorization.ts';
import { actorOf, type Caller, tlsCaller } from './caller.ts';
import type { MembershipPublisher } from './membership-document.ts';
import { openApiOf, statusOf } from './open-api.ts';
import type { Route, RouteCall } from './route.ts';
import { certificateRoutes } from './routes-certificate.ts';
import { memberRoutes } from './routes-member.ts';
import { publicRoutes } from './routes-public.ts';
import { serviceRoutes } from './routes-service.ts';
import type { VoContext } from './vo-context.ts';

const requestFailed = defineEvent('vo.request-failed');
const requestRefused = defineEvent('vo.request-refused');

/** Six CSRs of 16 KiB fit; nothing else comes near. */
const maximumBodyBytes = 128 * 1024;

export interface HttpApplication {
  /** What node:http and node:https servers call. */
  handle(request: IncomingMessage, response: ServerResponse): void;
  close(): Promise<void>;
}

/** Routing, schemas, sign-in, authorisation and errors; listeners.ts brings the sockets. */
export async function makeHttpApplication(
  context: VoContext,
  membership: MembershipPublisher,
  isAdministrator: (socket: Socket) => boolean,
): Promise<HttpApplication> {
  const app = fastify({
    bodyLimit: maximumBodyBytes,
    routerOptions: { maxParamLength: 320 },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false } },
  });
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const known = explain(context, error, request);
    if (known.code === 'XOS_RATE_LIMITED')
      reply.header('retry-after', String(known.details['retryAfterSeconds']));
    return reply.code(known.httpStatus).send(known.toBody());
  });
  app.setNotFoundHandler((request, reply) => {
    const error = new XosError('XOS_NOT_FOUND', {
      what: 'route',
      name: `${request.method} ${pathOf(request)}`,
    });
    return reply.code(404).send(error.toBody());
  });
  const routes: Route[] = [...publicRoutes, ...serviceRoutes, ...memberRoutes, ...certificateRoutes];
  const openApi: Route = {
    method: 'GET',
    url: '/v1/openapi.json',
    operation: 'openapi.show',
    summary: 'This page',
    answer: 'OpenApi',
    handle: async () => openApiOf(routes),
  };
  routes.push(openApi);
  for (const route of routes) serve(app, route, context, membership, isAdministrator);
  await app.ready();
  return { handle: (request, response) => app.routing(request, response), close: () => app.close() };
}

function serve(
  app: FastifyInstance,
  route: Route,
  context: VoContext,
  membership: MembershipPublisher,
  isAdministrator: (socket: Socket) => boolean,
): void {
  const parameters = [...route.url.matchAll(/:(\w+)/g)].map(([, name = '']) => name);
  app.route({
    method: route.method,
    url: route.url,
    schema: {
      params: strict(parameters, parameterSchemas),
      querystring: strict(route.query ?? [], querySchemas, false),
      ...(route.body === undefined ? {} : { body: requestSchemas[route.body] }),
    },
    // Before the body is read: strangers' bodies are not parsed at a rate they choose.
    onRequest: async (request) => {
      const caller = await callerOf(context, request, isAdministrator);
      if (caller.kind === 'anonymous') context.limits.countAnonymous(caller.address);
      callers.set(request.raw, caller);
    },
    onResponse: async (_request, reply) => {
      const labels = { operation: route.operation, status: String(reply.statusCode) };
      context.metrics.requests.observe(labels, reply.elapsedTime / 1000);
    },
    handler: async (request, reply) => {
      const caller = callers.get(request.raw);
      if (caller === undefined) throw new TypeError('a request without caller');
      const asked = {
        context,
        membership,
        caller,
        actor: actorOf(caller),
        params: request.params as RouteCall['params'],
        query: request.query as RouteCall['query'],
        body: request.body,
        headers: request.headers,
      };
      await authorize(context.database.read, route.operation, caller, await targetOf(route, asked));
      const answer = await route.handle({ ...asked, reply });
      if (reply.sent || answer === reply) return reply;
      reply.code(statusOf(route));
      return route.answer === null ? reply.send() : answer;
    },
  });
}

const callers = new WeakMap<IncomingMessage, Caller>();

async function callerOf(
  context: VoContext,
  request: FastifyRequest,
  isAdministrator: (socket: Socket) => boolean,
): Promise<Caller> {
  const { socket } = request.raw;
  if (isAdministrator(socket)) return { kind: 'local-admin' };
  if (socket instanceof TLSSocket) return tlsCaller(context, socket);
  return { kind: 'anonymous', address: 'local socket' };
}

async function targetOf(route: Route, call: Omit<RouteCall, 'reply'>): Promise<Target> {
  if (route.target !== undefined) return route.target(call);
  const { vo, user, hostname } = call.params;
  return { vo, user: user ?? call.query.user, hostname };
}

function strict(
  names: readonly string[],
  schemas: Readonly<Record<string, unknown>>,
  isRequired = true,
): Record<string, unknown> {
  return {
    type: 'object',
    additionalProperties: false,
    required: isRequired ? names : [],
    properties: Object.fromEntries(names.map((name) => [name, schemas[name]])),
  };
}

function explain(context: VoContext, error: FastifyError, request: FastifyRequest): XosError {
  const known = asXosError(error);
  const where = `${request.method} ${pathOf(request)}`;
  const fields = { address: request.ip, error: known };
  if (known.httpStatus >= 500)
    context.logger.error(requestFailed, `${where} failed: ${known.message}`, fields);
  else context.logger.info(requestRefused, `${where} refused: ${known.message}`, fields);
  if (known.code !== 'XOS_INTERNAL') return known;
  // What went wrong inside is for the journal, not for strangers.
  return new XosError('XOS_INTERNAL', { attempt: where, reason: 'see the journal of xos-vo' });
}

function asXosError(error: FastifyError): XosError {
  if (error instanceof XosError) return error;
  if (isDiskFull(error)) {
    const path = 'the state directory of xos-vo';
    return new XosError('XOS_STORAGE_FULL', { attempt: 'record the change', path }, { cause: error });
  }
  if (error.validation !== undefined) {
    const where = error.validationContext ?? 'request';
    const reason = error.validation
      .map((item) => `${item.instancePath} ${item.message ?? ''}`.trim())
      .join('; ');
    return new XosError('XOS_INPUT_BAD', { what: 'request', where, reason }, { cause: error });
  }
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    const details = { what: 'request body', size: `more than ${maximumBodyBytes}`, limit: maximumBodyBytes };
    return new XosError('XOS_INPUT_TOO_LARGE', details, { cause: error });
  }
  if (error.statusCode !== undefined && error.statusCode < 500) {
    return new XosError(
      'XOS_INPUT_BAD',
      { what: 'request', where: 'HTTP', reason: error.message },
      { cause: error },
    );
  }
  return toXosError(error, 'serving a request');
}

/** SQLITE_FULL (sqlite.org/rescode.html). */
function isDiskFull(error: Error): boolean {
  return 'errcode' in error && error.errcode === 13;
}

/** Without the query, which may hold what a person typed by mistake. */
function pathOf(request: FastifyRequest): string {
  return request.url.split('?')[0]?.slice(0, 200) ?? '';
}
