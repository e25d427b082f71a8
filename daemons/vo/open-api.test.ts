import assert from 'node:assert/strict';
import { request } from 'node:http';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { authorizationTable } from './authorization.ts';
import { startFixture } from './service-fixture.ts';

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly description: string }>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
}

describe('the OpenAPI page', () => {
  it('describes every route, refers only to schemas it has, and says who may', async () => {
    const fixture = await startFixture();
    try {
      const page = await get<OpenApi>(join(fixture.directory, 'admin.sock'), '/v1/openapi.json');
      const operations = Object.values(page.paths).flatMap((path) => Object.values(path));
      assert.ok(operations.length > 40);
      for (const { description } of operations) assert.match(description, /^Granted to: \S/);
      const references = [...JSON.stringify(page).matchAll(/#\/components\/schemas\/(\w+)/g)].map(
        ([, name]) => name,
      );
      for (const name of references) assert.ok(Object.hasOwn(page.components.schemas, name ?? ''), name);
      assert.ok(Object.values(authorizationTable).every((grants) => grants.length > 0));
    } finally {
      await fixture.close();
    }
  });
});

function get<Body>(socketPath: string, path: string): Promise<Body> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path, agent: false }, async (response) => {
      let text = '';
      for await (const chunk of response) text += String(chunk);
      resolve(JSON.parse(text) as Body);
    });
    sent.once('error', reject);
    sent.end();
  });
}
