/** Certificates per second through the CDA's HTTPS interface, beside `openssl x509 -req` signing in a loop. */
import { execFile, spawn } from 'node:child_process';
import { createPublicKey, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import {
  certificatePem,
  certificateRequestPem,
  generateKey,
  type Issuer,
  issueIntermediateCertificate,
  issueRootCertificate,
  issueUserCertificate,
  makeCertificateRequest,
  parseCertificate,
  parseCertificateRequest,
} from '@xtreemos/identity';
import { adminSocketUrl, VoClient } from '@xtreemos/vo-client';
import { type Bench, quantile, type Report } from './bench.ts';

const run = promisify(execFile);
const vo = 'bench.example';
const clientCounts = [1, 8, 32];
const warmUpMs = 2000;
const measuredMs = 8000;

export const bench: Bench = {
  name: 'issue',
  what: 'certificates issued per second over HTTPS, each durable and in the audit log before it is sent',
  sandbox: false,
  async run(report) {
    const directory = await mkdtemp(path.join(tmpdir(), 'xos-bench-issue-'));
    try {
      const peer = await openSslPerSecond(directory);
      report.note(
        'openssl: a process per certificate, most of its time is starting it; neither durable nor recorded',
      );
      await measureService(directory, peer, report);
      await breakDown(report);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
};

async function measureService(directory: string, peer: number, report: Report): Promise<void> {
  const service = await startService(directory);
  const admin = new VoClient({ url: adminSocketUrl(path.join(directory, 'admin.sock')) });
  const clients: VoClient[] = [];
  try {
    await admin.createVo({ id: vo });
    for (let index = 0; index < Math.max(...clientCounts); index += 1) {
      clients.push(await enrol(admin, service.url, `user${index}`));
    }
    for (const count of clientCounts) {
      const { perSecond, latencies } = await issueInParallel(clients.slice(0, count));
      const name = `${count} keep-alive client${count === 1 ? '' : 's'}`;
      report.add({
        case: `renewal, ${name}`,
        ours: perSecond,
        peer,
        peerName: 'openssl x509 -req, a loop',
        unit: 'certificates/s',
        better: 'higher',
      });
      report.add({
        case: `latency p50, ${name}`,
        ours: quantile(latencies, 0.5),
        unit: 'ms',
        better: 'lower',
      });
      report.add({
        case: `latency p99, ${name}`,
        ours: quantile(latencies, 0.99),
        unit: 'ms',
        better: 'lower',
      });
    }
    const { entries, brokenAt } = await admin.verifyAudit();
    report.note(
      `audit log: ${entries} entries, ${brokenAt === null ? 'chain holds' : `BROKEN at ${brokenAt}`}`,
    );
  } finally {
    for (const client of clients) client.close();
    admin.close();
    await service.stop();
  }
}

async function issueInParallel(
  clients: readonly VoClient[],
): Promise<{ readonly perSecond: number; readonly latencies: readonly number[] }> {
  const csr = certificateRequestPem(
    makeCertificateRequest({ key: await generateKey(), commonName: 'bench' }),
  );
  const startMs = performance.now() + warmUpMs;
  const endMs = startMs + measuredMs;
  const latencies: number[] = [];
  await Promise.all(
    clients.map(async (client) => {
      for (;;) {
        const beforeMs = performance.now();
        if (beforeMs >= endMs) return;
        await client.requestCertificate(vo, { csr });
        const afterMs = performance.now();
        if (beforeMs >= startMs && afterMs <= endMs) latencies.push(afterMs - beforeMs);
      }
    }),
  );
  return { perSecond: (latencies.length * 1000) / measuredMs, latencies };
}

async function startService(
  directory: string,
): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const configuration = path.join(directory, 'vo.conf');
  await writeFile(
    configuration,
    `[Service]
Listen=127.0.0.1:0
AdminSocket=${directory}/admin.sock
StateDirectory=${directory}/state
Hostname=localhost 127.0.0.1
LogLevel=notice
[Limits]
AnonymousBurst=1000
SignInBurst=1000
`,
  );
  const main = path.resolve(import.meta.dirname, '../daemons/vo/main.ts');
  const child = spawn(process.execPath, [main, '--config', configuration], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
  });
  const log: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    log.push(line);
    const port = /https:\/\/localhost:(\d+)/.exec(line)?.[1];
    if (port === undefined) continue;
    child.stderr.resume();
    const stop = async () => {
      child.kill('SIGTERM');
      await exited;
    };
    return { url: `https://127.0.0.1:${port}`, stop };
  }
  throw new Error(`the VO service did not start: ${log.join('\n')}`);
}

async function enrol(admin: VoClient, url: string, user: string): Promise<VoClient> {
  const [domain] = await admin.listDomains();
  const trust = { kind: 'fingerprint', rootFingerprint: domain?.rootFingerprint ?? '' } as const;
  const { token } = await admin.invite(vo, { user });
  const privateKey = await generateKey();
  const csr = certificateRequestPem(makeCertificateRequest({ key: privateKey, commonName: user }));
  const anonymous = new VoClient({ url, trust });
  const issued = await anonymous.requestCertificate(vo, { csr, user, token });
  anonymous.close();
  const credential = { certificateChain: issued.certificate + issued.chain, privateKey };
  return new VoClient({ url, trust, credential });
}

/** A process per certificate, as a script around OpenSSL does it; neither durable nor recorded. */
async function openSslPerSecond(directory: string): Promise<number> {
  const at = (name: string) => path.join(directory, name);
  const subject = ['-subj', '/O=XtreemOS/OU=bench/CN=alice'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  await run('openssl', ['req', '-x509', ...key, ...subject, '-keyout', at('ca.key'), '-out', at('ca.pem')]);
  await run('openssl', ['req', ...key, ...subject, '-keyout', at('user.key'), '-out', at('user.csr')]);
  const sign = ['x509', '-req', '-in', at('user.csr'), '-CA', at('ca.pem'), '-CAkey', at('ca.key')];
  const rest = ['-CAserial', at('serial'), '-CAcreateserial', '-days', '1', '-out', at('user.pem')];
  const endMs = performance.now() + measuredMs / 2;
  const startMs = performance.now();
  let count = 0;
  for (; performance.now() < endMs; count += 1) await run('openssl', [...sign, ...rest]);
  await readFile(at('user.pem'));
  return (count * 1000) / (performance.now() - startMs);
}

/** Where the time of one certificate goes, each part alone on the main thread. */
async function breakDown(report: Report): Promise<void> {
  const rootKey = await generateKey();
  const lifetimeSeconds = 3600;
  const rootDer = issueRootCertificate({ key: rootKey, domain: 'bench', lifetimeSeconds }).der;
  const root: Issuer = { certificate: parseCertificate(rootDer), key: rootKey };
  const key = await generateKey();
  const publicKey = createPublicKey(key);
  const cdaDer = issueIntermediateCertificate({
    issuer: root,
    publicKey,
    kind: 'CDA',
    vos: [vo],
    lifetimeSeconds,
  }).der;
  const issuer: Issuer = { certificate: parseCertificate(cdaDer), key };
  const csr = certificateRequestPem(makeCertificateRequest({ key, commonName: 'bench' }));
  const fqans = [`/${vo}`];
  const memberships = [{ vo, fqans, primaryFqan: `/${vo}` }];
  const guid = randomUUID();
  const parts = {
    'read the CSR and verify its signature': () => parseCertificateRequest(csr),
    'build, sign and print the certificate': () =>
      certificatePem(
        issueUserCertificate({ issuer, publicKey, guid, user: 'alice', memberships, lifetimeSeconds }),
      ),
  };
  for (const [name, work] of Object.entries(parts)) {
    for (let index = 0; index < 200; index += 1) work();
    const rounds = 1000;
    const startMs = performance.now();
    for (let index = 0; index < rounds; index += 1) work();
    report.add({ case: name, ours: (performance.now() - startMs) / rounds, unit: 'ms', better: 'lower' });
  }
  report.note(
    'the rest is HTTP and JSON, sign-in by the record, SQL, fsync (one per group commit), both sides TLS',
  );
}
