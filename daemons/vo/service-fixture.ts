import { execFile } from 'node:child_process';
import type { KeyObject } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  type Clock,
  createMetrics,
  type Logger,
  manualClock,
  parseConfiguration,
  systemClock,
} from '@xtreemos/base';
import { certificateRequestPem, generateKey, makeCertificateRequest } from '@xtreemos/identity';
import {
  adminSocketUrl,
  type ClientCredential,
  type HostRole,
  type IssuedCertificate,
  parseNodeToken,
  VoClient,
} from '@xtreemos/vo-client';
import { configurationSchema } from './configuration.ts';
import { type RunningVoService, startVoService } from './vo-service.ts';

/** A service of its own in a temporary directory, on a free port, with a client per person. For tests and benchmarks. */
export interface ServiceFixture {
  readonly service: RunningVoService;
  readonly directory: string;
  readonly url: string;
  readonly rootFingerprint: string;
  /** The local administrator. */
  readonly admin: VoClient;
  /** Anonymous, or signed in; trusts the service by its root's fingerprint. */
  client(credential?: ClientCredential): VoClient;
  /** Invites, and gets the first certificate with the invitation's token. */
  enrol(vo: string, user: string): Promise<Person>;
  /** Creates a token and joins with it. */
  join(vo: string, hostname: string, roles?: readonly HostRole[]): Promise<JoinedNode>;
  /** Starts again in the same directory. */
  restart(): Promise<ServiceFixture>;
  close(): Promise<void>;
}

export interface Person {
  readonly user: string;
  readonly credential: ClientCredential;
  readonly issued: IssuedCertificate;
  readonly client: VoClient;
}

export interface JoinedNode {
  readonly hostname: string;
  readonly guid: string;
  readonly credential: ClientCredential;
  readonly client: VoClient;
}

export interface FixtureOptions {
  readonly clock?: Clock;
  /** Lines of [Limits]; default so wide that tests do not meet them. */
  readonly limits?: string;
  readonly directory?: string;
}

const silence = () => undefined;
const silent: Logger = {
  critical: silence,
  error: silence,
  warning: silence,
  notice: silence,
  info: silence,
  debug: silence,
  child: () => silent,
};

export async function startFixture(options: FixtureOptions = {}): Promise<ServiceFixture> {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'xos-vo-')));
  const adminSocket = join(directory, 'admin.sock');
  const content = `[Service]
Listen=127.0.0.1:0
AdminSocket=${adminSocket}
StateDirectory=${join(directory, 'state')}
Hostname=localhost 127.0.0.1
TrustDomain=test.example
[Limits]
PasswordCost=14
${options.limits ?? 'AnonymousBurst=100000\nSignInBurst=1000'}`;
  const { value } = parseConfiguration(configurationSchema, [{ file: 'vo.conf', content }]);
  const service = await startVoService({
    configuration: value,
    clock: options.clock ?? systemClock,
    logger: silent,
    metrics: createMetrics(),
    sockets: {
      listenUnix: (server, { path }) =>
        new Promise((resolve, reject) => {
          server.once('error', reject);
          server.listen(path, resolve);
        }),
    },
  });
  const url = `https://127.0.0.1:${service.addresses[0]?.port}`;
  const root = await service.context.authorities.rootOrServices('root', 'test.example');
  const nowMs = () => service.context.clock.nowMs();
  const clients: VoClient[] = [];
  const make = (client: VoClient): VoClient => {
    clients.push(client);
    return client;
  };
  const client = (credential?: ClientCredential) =>
    make(
      new VoClient({
        url,
        trust: { kind: 'fingerprint', rootFingerprint: root.fingerprint },
        ...(credential === undefined ? {} : { credential }),
        nowMs,
      }),
    );
  const admin = make(new VoClient({ url: adminSocketUrl(adminSocket) }));
  const stop = async () => {
    for (const each of clients) each.close();
    await service.stop(AbortSignal.timeout(2000));
  };
  return {
    service,
    directory,
    url,
    rootFingerprint: root.fingerprint,
    admin,
    client,
    async enrol(vo, user) {
      const { token } = await admin.invite(vo, { user });
      const key = await generateKey();
      const anonymous = client();
      const issued = await anonymous.requestCertificate(vo, { csr: csrOf(key), user, token });
      anonymous.close();
      const credential = credentialOf(issued, key);
      return { user, credential, issued, client: client(credential) };
    },
    async join(vo, hostname, roles = ['accounts']) {
      const { token } = await admin.createNodeToken(vo, { hostname, roles });
      const key = await generateKey();
      const csrs = Object.fromEntries(roles.map((role) => [role, csrOf(key)]));
      const anonymous = client();
      const { secret } = parseNodeToken(token);
      const { node, certificates } = await anonymous.joinNode(vo, { secret, hostname, csrs });
      anonymous.close();
      const credential = { certificateChain: certificates[roles[0] ?? 'accounts'] ?? '', privateKey: key };
      return { hostname, guid: node.guid, credential, client: client(credential) };
    },
    async restart() {
      await stop();
      return startFixture({ ...options, directory });
    },
    async close() {
      await stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export function csrOf(key: KeyObject, commonName = 'anything'): string {
  return certificateRequestPem(makeCertificateRequest({ key, commonName }));
}

export function credentialOf(issued: IssuedCertificate, privateKey: KeyObject): ClientCredential {
  return { certificateChain: issued.certificate + issued.chain, privateKey };
}

/** A clock at the present, so that certificates also hold for programs with the real one. */
export function presentClock() {
  return manualClock(Date.now());
}

export const run = promisify(execFile);
