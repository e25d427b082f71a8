import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect as connectPlain } from 'node:net';
import test, { type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { silentLogger } from '@xtreemos/base';
import {
  certificatePem,
  type HostRole,
  issueHostCertificate,
  makeProxy,
  parseCertificate,
  plainPrivateKeyPem,
} from '@xtreemos/identity';
import {
  chainOf,
  crlOf,
  day,
  ecKey,
  hostGuid,
  makeDomain,
  now,
  publicHalf,
  secondsLater,
  storeOf,
  type TestDomain,
} from '../identity/fixtures/domain.ts';
import { RpcConnection } from './connection.ts';
import { hostPeerOf, type PeerTrust } from './host-peer.ts';
import {
  type BoundPeer,
  bindSession,
  boundPeer,
  boundUserOf,
  directoryCalls,
  RpcError,
  RpcServer,
  serveBinding,
} from './index.ts';
import { connectTls, createTlsServer, type TlsIdentity } from './tls-transport.ts';

const domain = makeDomain();
const otherGuid = hostGuid.replaceAll('1', '2');

interface Host {
  readonly identity: TlsIdentity;
  readonly guid: string;
  readonly serial: string;
}

function hostOf(
  of: TestDomain,
  role: HostRole,
  guid = hostGuid,
  hostname = 'localhost.example',
  vo = 'physics',
): Host {
  const key = ecKey();
  const { der } = issueHostCertificate({
    issuer: of.rca,
    publicKey: publicHalf(key),
    vo,
    role,
    hostGuid: guid,
    hostname,
    now,
    lifetimeSeconds: 30 * day,
  });
  const certificate = parseCertificate(der);
  const chainPem = certificatePem(certificate, ...chainOf(of.rca));
  return { identity: { keyPem: plainPrivateKeyPem(key), chainPem }, guid, serial: certificate.serial };
}

/** Alice's session on a host: a proxy that is limited to it. */
function sessionOn(guid: string, of: TestDomain = domain, lifetimeSeconds = 600) {
  const key = ecKey();
  const host = { hostGuid: guid, hostname: 'localhost.example' };
  const certificate = makeProxy(of.user, publicHalf(key), { now, lifetimeSeconds, host });
  return { chainPem: certificatePem(certificate, ...chainOf(of.user)), key };
}

class Clock {
  nowMs = now.getTime() + 60_000;
}

function trustIn(of: TestDomain, clock: Clock, store = of.store): PeerTrust {
  const roots = new Map([['physics', of.root.certificate.fingerprint]]);
  return { store: () => store, voRoots: () => roots, nowMs: () => clock.nowMs };
}

interface Served {
  readonly port: number;
  readonly refusals: string[];
}

async function serve(
  context: TestContext,
  trust: PeerTrust,
  own: Host = hostOf(domain, 'dir'),
): Promise<Served> {
  const refusals: string[] = [];
  const server = new RpcServer<BoundPeer>({
    logger: silentLogger,
    admit: (socket) => {
      try {
        return boundPeer(
          hostPeerOf(socket as TLSSocket, trust, ['accounts', 'mrc', 'osd']),
          socket as TLSSocket,
        );
      } catch (error) {
        refusals.push(String(error));
        throw error;
      }
    },
    userOf: (peer, claimed) => boundUserOf(peer, claimed, trust.nowMs()),
  });
  serveBinding(server, trust);
  server.serve(directoryCalls.serviceGetByUuid, (_request, { peer, user }) => ({
    response: {
      services: [
        {
          type: 1,
          uuid: `${peer.role} ${peer.hostGuid}`,
          version: 0n,
          name: `${user.name} ${user.groups.join(':')}`,
          lastUpdatedS: 0n,
          data: { data: [] },
        },
      ],
    },
  }));
  const listener = createTlsServer(own.identity, (socket) => void server.take(socket));
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  context.after(async () => {
    listener.close();
    await server.drain(AbortSignal.abort());
  });
  return { port: (listener.address() as AddressInfo).port, refusals };
}

async function dial(
  context: TestContext,
  port: number,
  own: Host,
  trust: PeerTrust,
  change: { role?: HostRole; vo?: string; host?: string } = {},
) {
  const { role = 'dir', vo = 'physics', host = '127.0.0.1' } = change;
  const { socket } = await connectTls({ host, port, identity: own.identity, trust, role, vo });
  const connection = new RpcConnection(socket);
  context.after(() => connection.close());
  return { socket, connection };
}

const whoIs = async (connection: RpcConnection, user = '') => {
  const { response } = await connection.call(
    directoryCalls.serviceGetByUuid,
    { name: 'x' },
    { user: { name: user, groups: ['/physics/claimed'] } },
  );
  return response.services[0];
};

const refusedAsUser = (pattern: RegExp) => (error: unknown) =>
  error instanceof RpcError && error.kind === 'user' && pattern.test(error.message);

test('hosts of the VO talk, each knowing the role and GUID of the other', async (context) => {
  const trust = trustIn(domain, new Clock());
  const { port } = await serve(context, trust);
  const osd = hostOf(domain, 'osd', otherGuid);
  const { socket, connection } = await dial(context, port, osd, trust);
  assert.equal(socket.getProtocol(), 'TLSv1.3');
  assert.equal((await whoIs(connection))?.uuid, `osd ${otherGuid}`);
});

test('a server of another role, VO or domain is refused, and one whose name was dialled has to have it', async (context) => {
  const trust = trustIn(domain, new Clock());
  const { port } = await serve(context, trust);
  const own = hostOf(domain, 'osd');
  await assert.rejects(
    dial(context, port, own, trust, { role: 'mrc' }),
    refusedAsUser(/host \(dir\) certificate.*host \(mrc\)/),
  );
  await assert.rejects(
    dial(context, port, own, trust, { vo: 'chemistry' }),
    refusedAsUser(/of VO physics, not of chemistry/),
  );
  await assert.rejects(
    dial(context, port, own, trust, { host: 'localhost' }),
    refusedAsUser(/localhost\.example, not localhost/),
  );
  const stranger = makeDomain();
  await assert.rejects(
    dial(context, port, own, trustIn(stranger, new Clock())),
    refusedAsUser(/the server is refused/),
  );
});

test('clients without a certificate, of another role or domain, expired or revoked are not admitted', async (context) => {
  const clock = new Clock();
  const trust = trustIn(domain, clock);
  const { port, refusals } = await serve(context, trust);
  const refused = async (own: Host, dialTrust = trust) => {
    const { connection } = await dial(context, port, own, dialTrust);
    await assert.rejects(
      whoIs(connection),
      (error) => error instanceof RpcError && error.kind === 'unreachable',
    );
    return refusals.at(-1) ?? '';
  };
  assert.match(await refused(hostOf(domain, 'srds')), /host \(srds\)/);
  assert.match(await refused(hostOf(makeDomain(), 'osd')), /no trust anchor/);
  assert.match(
    await refused({
      identity: {
        keyPem: plainPrivateKeyPem(domain.user.key),
        chainPem: certificatePem(...chainOf(domain.user)),
      },
      guid: '',
      serial: '',
    }),
    /A user certificate was presented/,
  );
  const revoked = hostOf(domain, 'osd');
  const crls = domain.authorities.map((authority) =>
    crlOf(authority, authority === domain.rca ? [{ serial: revoked.serial, revokedAt: now }] : [], {
      number: 2,
    }),
  );
  const strict = await serve(context, trustIn(domain, clock, storeOf(domain.authorities, crls)));
  const { connection } = await dial(context, strict.port, revoked, trust);
  await assert.rejects(whoIs(connection));
  assert.match(strict.refusals.join(), /was revoked/);
  clock.nowMs = secondsLater(31 * day).getTime();
  const later = await serve(context, trustIn(domain, clock));
  const { connection: expired } = await dial(
    context,
    later.port,
    hostOf(domain, 'osd'),
    trustIn(domain, new Clock()),
  );
  await assert.rejects(whoIs(expired));
  assert.match(later.refusals.join(), /expired/);
});

test('plain text on the TLS port is cut off, and so is who never begins', async (context) => {
  const trust = trustIn(domain, new Clock());
  const { port } = await serve(context, trust);
  const plain = connectPlain(port, '127.0.0.1');
  plain.on('error', () => undefined);
  plain.write(Buffer.from('0000001000000000', 'hex'));
  plain.resume();
  assert.notEqual(await Promise.race([once(plain, 'close'), sleep(5_000)]), undefined);
});

test('a connection speaks for a user whose session on that host was bound to it, with the groups of the certificate', async (context) => {
  const clock = new Clock();
  const trust = trustIn(domain, clock);
  const { port } = await serve(context, trust);
  const { socket, connection } = await dial(context, port, hostOf(domain, 'accounts', otherGuid), trust);
  await assert.rejects(whoIs(connection, 'alice@physics'), refusedAsUser(/does not speak for alice@physics/));
  const { user, endsMs } = await bindSession(connection, socket, sessionOn(otherGuid));
  assert.equal(user, 'alice@physics');
  assert.equal(endsMs, now.getTime() + 600_000);
  assert.equal((await whoIs(connection, user))?.name, 'alice@physics /physics:/physics/atlas/Role=admin');
  await assert.rejects(whoIs(connection, 'bob@physics'), refusedAsUser(/does not speak for bob@physics/));
  assert.equal((await whoIs(connection))?.name, ' ');
  clock.nowMs = endsMs;
  await assert.rejects(whoIs(connection, user), refusedAsUser(/has ended/));
});

test('a session of another host, another key, another connection, or none at all binds nobody', async (context) => {
  const trust = trustIn(domain, new Clock());
  const { port } = await serve(context, trust);
  const own = hostOf(domain, 'accounts', otherGuid);
  const { socket, connection } = await dial(context, port, own, trust);
  const second = await dial(context, port, own, trust);
  const good = sessionOn(otherGuid);
  const refusals: readonly (readonly [RegExp, Promise<unknown>])[] = [
    [/host/, bindSession(connection, socket, sessionOn(hostGuid))],
    [/did not sign this connection/, bindSession(connection, socket, { ...good, key: ecKey() })],
    // What one connection saw is of no use on another.
    [/did not sign this connection/, bindSession(connection, second.socket, good)],
    [
      /limited to no host/,
      bindSession(connection, socket, {
        chainPem: certificatePem(...chainOf(domain.user)),
        key: domain.user.key,
      }),
    ],
    [/not trusted|no trust anchor/, bindSession(connection, socket, sessionOn(otherGuid, makeDomain()))],
    [/refused/, bindSession(connection, socket, { chainPem: 'nonsense', key: good.key })],
    [
      /refused/,
      bindSession(connection, socket, { chainPem: `${good.chainPem}`.slice(0, 900), key: good.key }),
    ],
  ];
  for (const [pattern, attempt] of refusals) await assert.rejects(attempt, refusedAsUser(pattern));
  await assert.rejects(whoIs(connection, 'alice@physics'), refusedAsUser(/does not speak/));
  const tooLong = { chainPem: 'x'.repeat(70_000), key: good.key };
  await assert.rejects(
    bindSession(connection, socket, tooLong),
    (error) => error instanceof RpcError && error.kind === 'arguments',
  );
});

test('no session is resumed: every connection is judged', { timeout: 20_000 }, async (context) => {
  const trust = trustIn(domain, new Clock());
  const { port } = await serve(context, trust);
  const own = hostOf(domain, 'osd');
  const tickets: Buffer[] = [];
  const { socket, connection } = await dial(context, port, own, trust);
  socket.on('session', (session: Buffer) => tickets.push(session));
  await whoIs(connection);
  await sleep(50);
  const { connect } = await import('node:tls');
  for (const session of tickets) {
    const again = connect({
      port,
      host: '127.0.0.1',
      session,
      rejectUnauthorized: false,
      key: own.identity.keyPem,
      cert: own.identity.chainPem,
    });
    await once(again, 'secureConnect');
    assert.equal(again.isSessionReused(), false);
    again.destroy();
  }
});
