import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfiguration, humanByteSize, kind, loadConfiguration, reasonOf } from '@xtreemos/base';
import { addressOf } from '../../fs/directory-services.ts';
import type { ExaminedServer, ReachedServer } from '../../fs/server-examination.ts';
import { durationText } from '../../output/time-text.ts';
import type { VoRecord } from '../../vo-record.ts';
import type { Check } from '../check.ts';
import type { ExaminedHost } from '../examined-host.ts';
import { type Finding, failure, noVoJoined, ok, problemsOr, unchecked, warning } from '../finding.ts';
import { lookAtUnit } from '../remedies.ts';

type Role = 'dir' | 'mrc' | 'osd';

const roles: readonly Role[] = ['dir', 'mrc', 'osd'];
const defaultPort = 32638;
const mebibyte = 1024 * 1024;
/** `Reserve=` of an OSD: with less it takes no writes. */
const reserveBytes = 256 * mebibyte;

/** The servers of XtreemFS, as this host sees them. */
export const filesystem: Check = {
  name: 'filesystem',
  about: 'servers of XtreemFS: reached, registered in the DIR, certificates, free space',
  examine: async (host) => {
    if (host.vos.length === 0) return [noVoJoined()];
    const findings = await Promise.all(host.vos.map((record) => examineVo(host, record)));
    const told = findings.flat();
    return told.length > 0 ? told : [unchecked('this host neither serves nor mounts volumes')];
  },
};

async function examineVo(host: ExaminedHost, record: VoRecord): Promise<readonly Finding[]> {
  const { vo } = record;
  const own = roles.filter((role) => existsSync(join(host.paths.hostKeyDirectory, vo, `${role}.pem`)));
  const where = directoryOf(host, record, own);
  if (where === undefined) return [];
  if (own.length > 0 && !host.parts.fileServers) {
    const text = `${vo}: this host joined as ${own.join(', ')}, and the servers are not installed`;
    return [failure(text, 'apt install xtreemos-fs-server (dnf install xtreemos-fs-server)')];
  }
  if (!host.isRoot) return [unchecked(`${vo}: asking the DIR needs this host's key, and so root`)];
  try {
    const { directory, servers } = await host.askFileSystem(record, where);
    const isOwn = await ownServers(host);
    const findings = [
      ...judgeCertificate(host, `the DIR at ${where}`, hostOf(where), directory),
      ...own
        .filter((role) => role !== 'dir' && !servers.some((server) => server.type === role && isOwn(server)))
        .map((role) => notRegistered(role, where)),
      ...servers.flatMap((server) => judgeServer(host, server, isOwn(server))),
    ].map((finding) => ({ ...finding, text: `${vo}: ${finding.text}` }));
    return problemsOr(findings, () => ok(summary(vo, where, directory, servers)));
  } catch (error) {
    const action = own.includes('dir')
      ? lookAtUnit('xos-dir')
      : `on ${hostOf(where)}: systemctl status xos-dir; between the hosts, TCP port ${where.split(':').at(-1)} has to be open`;
    return [failure(`${vo}: the DIR at ${where} does not answer: ${reasonOf(error)}`, action)];
  }
}

const serverSchema = defineConfiguration({
  Directory: { Address: kind.text('127.0.0.1'), Port: kind.port(defaultPort) },
});
const homeSchema = defineConfiguration({
  VO: { HomeVolume: kind.text(), Directory: kind.text('127.0.0.1') },
});

/** `HOST:PORT` of the DIR, as what runs here has it: the servers, the mounts of homes, or the command. */
function directoryOf(host: ExaminedHost, record: VoRecord, own: readonly Role[]): string | undefined {
  const [server] = own.filter((role) => role !== 'dir');
  if (server !== undefined) {
    const roots = host.paths.configurationRoots;
    const { Address, Port } = loadConfiguration(serverSchema, { name: server, roots }).value.Directory;
    return written({ address: Address, port: Port });
  }
  if (own.includes('dir')) return written({ address: '127.0.0.1', port: defaultPort });
  const { HomeVolume, Directory } = loadConfiguration(homeSchema, { name: 'vo', file: record.file }).value.VO;
  const text = HomeVolume === undefined ? host.paths.fileSystemDirectory : Directory;
  return text === undefined ? undefined : written(addressOf(text));
}

function written({ address, port }: ReturnType<typeof addressOf>): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** Of `HOST:PORT`. */
function hostOf(address: string): string {
  return address.replace(/:\d+$/, '');
}

/** By what the server wrote into its state, or by its address. */
async function ownServers(host: ExaminedHost): Promise<(server: ExaminedServer) => boolean> {
  const hostname = await host.hostname();
  const uuids = (['mrc', 'osd'] as const)
    .map((role) => join(host.paths.stateDirectory, role, 'uuid'))
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, 'utf8').trim());
  return ({ uuid, addresses }) =>
    uuids.includes(uuid) || addresses.some((address) => hostOf(address).toLowerCase() === hostname);
}

function notRegistered(role: Role, where: string): Finding {
  return failure(
    `the DIR at ${where} does not know the ${role.toUpperCase()} of this host`,
    `${lookAtUnit(`xos-${role}`)}; [Directory] Address= in /etc/xtreemos/${role}.conf`,
  );
}

function judgeServer(host: ExaminedHost, server: ExaminedServer, isOwn: boolean): readonly Finding[] {
  const { type, uuid, addresses, alive, silentSeconds, reached } = server;
  const at = addresses[0] ?? 'an unknown address';
  const name = `${type.toUpperCase()} ${uuid} at ${at}`;
  const look = isOwn ? lookAtUnit(`xos-${type}`) : `on ${hostOf(at)}: systemctl status xos-${type}`;
  if (!alive) {
    const since =
      silentSeconds === undefined ? 'was stopped' : `is silent for ${durationText(silentSeconds * 1000)}`;
    return [failure(`${name} ${since}: its files cannot be used`, look)];
  }
  if (reached === undefined) return judgeSpace(server, name);
  if ('reason' in reached) {
    return [
      failure(
        `${name} is alive, and not reached from here: ${reached.reason}`,
        `between the hosts, TCP port ${at.split(':').at(-1)} has to be open; ${look}`,
      ),
    ];
  }
  return [...judgeCertificate(host, name, hostOf(at), reached), ...judgeSpace(server, name)];
}

function judgeCertificate(
  host: ExaminedHost,
  name: string,
  where: string,
  { certificate: { beginMs, endMs } }: ReachedServer,
): readonly Finding[] {
  // Renewed when two thirds have passed.
  if (host.nowMs() <= beginMs + (endMs - beginMs) * 0.8) return [];
  const rest = durationText(endMs - host.nowMs());
  return [
    warning(
      `${name} runs with a certificate that ends in ${rest} and should have been renewed`,
      `on ${where}: ${lookAtUnit('xos-accounts')}`,
    ),
  ];
}

function judgeSpace({ type, freeBytes, totalBytes }: ExaminedServer, name: string): readonly Finding[] {
  if (type !== 'osd' || freeBytes === undefined || totalBytes === undefined) return [];
  const remedy = 'remove files, give the OSD a larger disk, or add one: xos node token VO --role osd';
  const free = humanByteSize(freeBytes);
  if (freeBytes < reserveBytes) return [failure(`${name} is full (${free} free): writes get ENOSPC`, remedy)];
  if (freeBytes < totalBytes / 20)
    return [warning(`${name} has ${free} of ${humanByteSize(totalBytes)} left`, remedy)];
  return [];
}

function summary(
  vo: string,
  where: string,
  { tookMs }: ReachedServer,
  servers: readonly ExaminedServer[],
): string {
  const count = (type: 'mrc' | 'osd') => servers.filter((server) => server.type === type).length;
  const free = servers.reduce((sum, { freeBytes }) => sum + (freeBytes ?? 0), 0);
  return (
    `${vo}: the DIR at ${where} answers in ${tookMs} ms; ${count('mrc')} MRC and ${count('osd')} OSDs ` +
    `are reached, ${humanByteSize(free)} free`
  );
}
