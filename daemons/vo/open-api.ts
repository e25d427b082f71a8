import { productVersion } from '@xtreemos/base';
import { answerSchemas, parameterSchemas, querySchemas, requestSchemas } from './api-schemas.ts';
import { authorizationTable } from './authorization.ts';
import type { Route } from './route.ts';

/** The API as an OpenAPI 3.0 document, made of the very schemas that requests are checked against. */
export function openApiOf(routes: readonly Route[]): Readonly<Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = route.url.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) };
  }
  return {
    openapi: '3.0.3',
    info: {
      title: 'XtreemOS VO service',
      version: productVersion,
      description: 'HTTPS (TLS 1.3) with JSON; signed in by TLS client certificate. See docs/vo-service.md.',
    },
    paths,
    components: { schemas: { ...requestSchemas, ...answerSchemas } },
  };
}

function operationOf(route: Route): Readonly<Record<string, unknown>> {
  const parameters = [...route.url.matchAll(/:(\w+)/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: parameterSchemas[name],
  }));
  const query = (route.query ?? []).map((name) => ({ name, in: 'query', schema: querySchemas[name] }));
  return {
    operationId: `${route.method.toLowerCase()} ${route.url}`,
    summary: route.summary,
    description: `Granted to: ${authorizationTable[route.operation].join(', ')}.`,
    parameters: [...parameters, ...query],
    ...(route.body === undefined
      ? {}
      : {
          requestBody: { required: true, content: { 'application/json': { schema: reference(route.body) } } },
        }),
    responses: {
      [String(statusOf(route))]: {
        description: 'Done',
        ...(route.answer === null
          ? {}
          : { content: { [mediaType(route.answer)]: { schema: reference(route.answer) } } }),
      },
      default: { description: 'Refused', content: { 'application/json': { schema: reference('Error') } } },
    },
  };
}

export function statusOf(route: Route): number {
  return route.status ?? (route.answer === null ? 204 : 200);
}

function mediaType(answer: string): string {
  if (answer === 'MembershipDocument') return 'application/octet-stream';
  return answer === 'NodeEvents' ? 'application/x-ndjson' : 'application/json';
}

function reference(name: string): Readonly<Record<string, string>> {
  return { $ref: `#/components/schemas/${name}` };
}
