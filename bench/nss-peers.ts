/** The same accounts in libnss_xos's map and in the peers' own sources, inside the throw-away root of test/sandbox/enter. */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { GID_MIN, NSS_MAP_PATH, UID_MIN, writeNssMap } from '@xtreemos/module-protocol';

/** Each account is in a group of everybody's and in one of ten others. */
const groupCount = 10;
const peerFirstId = 100_000;

/** How a source names its accounts: driver arguments after the count. */
export interface Accounts {
  readonly nameFormat: string;
  readonly firstId: number;
}

export const grid: Accounts = { nameFormat: 'user%u@physics', firstId: UID_MIN };
/** `@` is no part of the peers' names: sssd would take what follows for a domain. */
export const peer: Accounts = { nameFormat: 'user%u.physics', firstId: peerFirstId };

/** Publishes the map of count accounts. */
export function publishMap(count: number): { readonly writeMs: number; readonly bytes: number } {
  const members = (group: number) =>
    Array.from({ length: Math.floor(count / groupCount) }, (_, n) => `user${n * groupCount + group}@physics`);
  const started = performance.now();
  const map = writeNssMap({
    passwd: Array.from({ length: count }, (_, n) => ({
      name: `user${n}@physics`,
      uid: UID_MIN + n,
      gid: UID_MIN + n,
      gecos: `Person ${n}`,
      home: `/home/physics/user${n}`,
      shell: '/bin/bash',
      groups: [GID_MIN, GID_MIN + 1 + (n % groupCount)],
    })),
    groups: Array.from({ length: groupCount + 1 }, (_, group) => ({
      name: `group${group}@physics`,
      gid: GID_MIN + group,
      members: group === 0 ? [] : members(group - 1),
    })),
  });
  const writeMs = performance.now() - started;
  mkdirSync('/run/xtreemos/nss', { recursive: true });
  writeFileSync(`${NSS_MAP_PATH}.new`, map, { mode: 0o644 });
  chmodSync(`${NSS_MAP_PATH}.new`, 0o644);
  renameSync(`${NSS_MAP_PATH}.new`, NSS_MAP_PATH);
  return { writeMs, bytes: map.length };
}

/** passwd(5) and group(5) text of the same accounts. */
export function localFiles(count: number): { readonly passwd: string; readonly group: string } {
  const passwd: string[] = [];
  const members: string[][] = Array.from({ length: groupCount }, () => []);
  for (let n = 0; n < count; n++) {
    const id = peerFirstId + n;
    passwd.push(`user${n}.physics:x:${id}:${id}:Person ${n}:/home/physics/user${n}:/bin/bash`);
    members[n % groupCount]?.push(`user${n}.physics`);
  }
  const group = members.map((names, index) => `group${index}.physics:x:${50_000 + index}:${names.join(',')}`);
  return { passwd: `${passwd.join('\n')}\n`, group: `${group.join('\n')}\n` };
}

/** Appends the accounts to /etc/passwd and /etc/group; undone by the returned function. */
export function installFiles(count: number): () => void {
  const before = ['/etc/passwd', '/etc/group'].map((path) => [path, readFileSync(path)] as const);
  const text = localFiles(count);
  writeFileSync('/etc/passwd', text.passwd, { flag: 'a' });
  writeFileSync('/etc/group', text.group, { flag: 'a' });
  return () => {
    for (const [path, content] of before) writeFileSync(path, content);
  };
}

/** userdb drop-ins as systemd-userdbd.service(8) wants them: a record per account, linked by its uid, a file per membership. */
export function installUserdb(count: number): () => void {
  const folder = '/etc/userdb';
  mkdirSync(folder, { recursive: true });
  for (let n = 0; n < count; n++) {
    const name = `user${n}.physics`;
    const id = peerFirstId + n;
    const user = {
      userName: name,
      uid: id,
      gid: id,
      realName: `Person ${n}`,
      homeDirectory: `/home/physics/user${n}`,
    };
    writeFileSync(
      `${folder}/${name}.user`,
      JSON.stringify({ ...user, shell: '/bin/bash', disposition: 'regular' }),
    );
    symlinkSync(`${name}.user`, `${folder}/${id}.user`);
    writeFileSync(`${folder}/${name}:group${n % groupCount}.membership`, '{}\n');
  }
  for (let index = 0; index < groupCount; index++) {
    const name = `group${index}`;
    writeFileSync(`${folder}/${name}.group`, JSON.stringify({ groupName: name, gid: 50_000 + index }));
    symlinkSync(`${name}.group`, `${folder}/${50_000 + index}.group`);
  }
  return () => rmSync(folder, { recursive: true });
}

/**
 * sssd whose proxy provider takes made-up accounts from nss-feed.c, with filled accounts in its memory caches. (Its files provider blocks
 * for minutes over 10,000 accounts and is given up by its own responder; filling costs sssd some milliseconds per account.)
 */
export async function startSssd(filled: number): Promise<() => Promise<void>> {
  const library = '/usr/lib/$(gcc -print-multiarch)/libnss_benchfeed.so.2';
  execFileSync('sh', [
    '-c',
    `gcc -O2 -shared -fPIC -o "${library}" "$1"`,
    'sh',
    `${import.meta.dirname}/nss-feed.c`,
  ]);
  writeFileSync(
    '/etc/sssd/sssd.conf',
    `[sssd]
services = nss
domains = bench
[nss]
memcache_size_passwd = 64
memcache_size_group = 64
memcache_size_initgroups = 64
memcache_timeout = 36000
[domain/bench]
id_provider = proxy
proxy_lib_name = benchfeed
auth_provider = none
access_provider = permit
chpass_provider = none
`,
  );
  chmodSync('/etc/sssd/sssd.conf', 0o600);
  const daemon = spawn('/usr/sbin/sssd', ['-i', '--logger=files'], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => daemon.once('close', () => resolve()));
  const stop = async () => {
    daemon.kill('SIGTERM');
    await ended;
  };
  const deadline = Date.now() + 60_000;
  while (!answers('user0.physics')) {
    if (Date.now() > deadline || daemon.exitCode !== null) {
      await stop();
      throw new Error(`sssd did not resolve user0.physics (exit code ${daemon.exitCode})`);
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  fillCache(filled);
  return stop;
}

function answers(name: string): boolean {
  try {
    execFileSync('getent', ['-s', 'sss', 'passwd', name], { stdio: 'ignore', timeout: 20_000 });
    return true;
  } catch {
    return false;
  }
}

/** One look-up of every account by every call, so that sssd answers from its memory cache afterwards. */
function fillCache(count: number): void {
  const script =
    'import os, pwd, sys\nfor n in range(int(sys.argv[1])):\n' +
    ' e = pwd.getpwnam("user%d.physics" % n)\n os.getgrouplist(e.pw_name, e.pw_gid)\n pwd.getpwuid(e.pw_uid)\n';
  const before = readFileSync('/etc/nsswitch.conf', 'utf8');
  writeFileSync('/etc/nsswitch.conf', before.replace(/^(passwd|group):.*/gm, '$1: sss'));
  execFileSync('python3', ['-c', script, `${count}`], { timeout: 600_000 });
}
