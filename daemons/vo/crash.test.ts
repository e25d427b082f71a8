import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { generateKey } from '@xtreemos/identity';
import { adminSocketUrl, VoClient } from '@xtreemos/vo-client';
import { verifyAudit } from './audit-log.ts';
import { openDatabase } from './database.ts';
import { credentialOf, csrOf } from './service-fixture.ts';

const vo = 'physics.example';
const main = join(import.meta.dirname, 'main.ts');
/** Ended at the end, whatever the tests came to. */
const children: ChildProcess[] = [];

describe('the process', () => {
  let directory: string;
  let configurationFile: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'xos-vo-crash-'));
    configurationFile = join(directory, 'vo.conf');
    await writeFile(
      configurationFile,
      `[Service]
Listen=127.0.0.1:0
AdminSocket=${directory}/admin.sock
StateDirectory=${directory}/state
Hostname=localhost 127.0.0.1
[Limits]
SignInBurst=100
`,
    );
  });
  after(async () => {
    for (const child of children) child.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  });

  it('killed in the middle of issuing: what was answered is in the record and the audit log', async () => {
    const first = await start(configurationFile);
    const admin = new VoClient({ url: adminSocketUrl(join(directory, 'admin.sock')) });
    await admin.createVo({ id: vo });
    const answered: string[] = [];
    const people = await Promise.all(
      ['alice', 'bob', 'carol', 'dave'].map((user) => enrol(admin, first.url, user)),
    );
    const csr = csrOf(await generateKey());
    const issuing = people.map(async ({ client }) => {
      for (;;) {
        const issued = await client.requestCertificate(vo, { csr });
        answered.push(issued.serial);
        if (answered.length === 100) first.child.kill('SIGKILL');
      }
    });
    const results = await Promise.allSettled(issuing);
    for (const result of results) assert.equal(result.status, 'rejected');
    await first.exited;
    for (const { client } of people) client.close();
    admin.close();
    assert.ok(answered.length >= 100);

    const database = await openDatabase(join(directory, 'state', 'vo.db'));
    const recorded = await database.read.selectFrom('certificate').select('serial').execute();
    const logged = await database.read
      .selectFrom('audit')
      .select('details')
      .where('action', '=', 'certificate.issue')
      .execute();
    assert.equal((await verifyAudit(database.read)).brokenAt, null);
    await database.close();
    const serials = new Set(recorded.map(({ serial }) => serial));
    const log = new Set(logged.map(({ details }) => (JSON.parse(details) as { serial: string }).serial));
    assert.deepEqual(
      answered.filter((serial) => !serials.has(serial) || !log.has(serial)),
      [],
    );

    const second = await start(configurationFile);
    const again = new VoClient({ url: adminSocketUrl(join(directory, 'admin.sock')) });
    assert.equal((await again.showVo(vo)).activeMembers, 4);
    again.close();
    second.child.kill('SIGTERM');
    assert.equal(await second.exited, 0);
  });

  it('SIGTERM ends it in time though nodes are connected and clients keep connections', async () => {
    const { child, exited, url } = await start(configurationFile);
    const admin = new VoClient({ url: adminSocketUrl(join(directory, 'admin.sock')) });
    const { client } = await enrol(admin, url, 'idle');
    await client.showMember(vo, 'idle');
    const startedMs = performance.now();
    child.kill('SIGTERM');
    assert.equal(await exited, 0);
    // Much less than the 10 s after which runService would give up waiting.
    assert.ok(performance.now() - startedMs < 8000);
    client.close();
    admin.close();
  });

  it('a bad configuration is refused with file and line', async () => {
    const bad = join(directory, 'bad.conf');
    await writeFile(bad, '[Service]\nListen=everywhere\n');
    const child = spawn(process.execPath, [main, '--config', bad, '--check-config'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let message = '';
    child.stderr.on('data', (chunk) => {
      message += String(chunk);
    });
    const [code] = await once(child, 'close');
    assert.notEqual(code, 0);
    assert.match(message, /bad\.conf:2:/);
  });
});

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
  readonly exited: Promise<number | null>;
}

async function start(configurationFile: string): Promise<Running> {
  const child = spawn(process.execPath, [main, '--config', configurationFile], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, NOTIFY_SOCKET: undefined, JOURNAL_STREAM: undefined },
  });
  children.push(child);
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const lines = createInterface({ input: child.stderr });
  const log: string[] = [];
  for await (const line of lines) {
    log.push(line);
    const port = /https:\/\/localhost:(\d+)/.exec(line)?.[1];
    if (port !== undefined) {
      child.stderr.resume();
      return { child, url: `https://127.0.0.1:${port}`, exited };
    }
  }
  throw new Error(`the service did not start: ${log.join('\n')}`);
}

async function enrol(admin: VoClient, url: string, user: string): Promise<{ readonly client: VoClient }> {
  const [domain] = await admin.listDomains();
  const trust = { kind: 'fingerprint', rootFingerprint: domain?.rootFingerprint ?? '' } as const;
  const { token } = await admin.invite(vo, { user });
  const key = await generateKey();
  const anonymous = new VoClient({ url, trust });
  const issued = await anonymous.requestCertificate(vo, { csr: csrOf(key), user, token });
  anonymous.close();
  return { client: new VoClient({ url, trust, credential: credentialOf(issued, key) }) };
}
