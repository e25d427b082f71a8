/**
 * A whole login by PAM (authenticate, account, open session, close session) of a grid user and of a local user of pam_unix with
 * yescrypt, in one stack. Key derivation is what both are meant to spend time on: it is measured apart, and the rest once more
 * with credentials whose derivation costs nothing (PKCS#12 of one iteration; a DES hash).
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { readCredential, writePkcs12 } from '@xtreemos/identity';
import { type Conversation, startPam } from '@xtreemos/native-pam';
import { OneHostGrid, succeed } from '../test/sandbox/one-host-grid.ts';
import { type Bench, quantile, type Report } from './bench.ts';

const passphrase = 'correct horse battery staple';
const service = 'bench-login';
const warmUps = 20;
const phases = ['authenticate', 'account', 'open', 'close', 'all'] as const;
/** Milliseconds. */
type Login = Readonly<Record<(typeof phases)[number], number>>;

interface Person {
  readonly name: string;
  /** To the questions of authentication, in order. */
  readonly answers: readonly string[];
}

/** One login in this process, which is root as login(1) is; every transaction has a thread and session keyring of its own. */
async function logIn({ name, answers }: Person): Promise<Login> {
  const left = [...answers];
  const conversation: Conversation = (messages) =>
    messages.map(({ style }) => (style === 'secret' || style === 'visible' ? (left.shift() ?? '') : null));
  const pam = await startPam({ service, user: name, tty: '/dev/tty1', conversation });
  try {
    const begun = performance.now();
    await pam.authenticate();
    const authenticated = performance.now();
    await pam.accountManagement();
    const accepted = performance.now();
    await pam.openSession();
    const opened = performance.now();
    await pam.closeSession();
    const closed = performance.now();
    return {
      authenticate: authenticated - begun,
      account: accepted - authenticated,
      open: opened - accepted,
      close: closed - opened,
      all: closed - begun,
    };
  } finally {
    await pam.end();
  }
}

async function logins(person: Person, count: number): Promise<Login[]> {
  for (let run = 0; run < warmUps; run++) await logIn(person);
  const done: Login[] = [];
  for (let run = 0; run < count; run++) done.push(await logIn(person));
  return done;
}

/** Milliseconds of each call of `work`. */
async function times(count: number, work: () => Promise<unknown>): Promise<number[]> {
  const taken: number[] = [];
  for (let run = 0; run < count; run++) {
    const begun = performance.now();
    await work();
    taken.push(performance.now() - begun);
  }
  return taken;
}

/** crypt(3) of the hash's own method and cost. @returns milliseconds of each call */
async function cryptTimes(hash: string, count: number): Promise<number[]> {
  const program =
    'use Time::HiRes "time"; $h = <STDIN>; chomp $h; $p = <STDIN>; chomp $p;' +
    'for (1..$ARGV[0]) { $t = time; die "wrong\\n" if crypt($p, $h) ne $h; printf "%.4f\\n", (time - $t) * 1000 }';
  const output = await succeed(['perl', '-e', program, `${count}`], {
    input: `${hash}\n${passphrase}\n`,
    timeoutMs: 600_000,
  });
  return output.trim().split('\n').map(Number);
}

async function addLocalUser(name: string, hash?: string): Promise<string> {
  await succeed(['useradd', '-m', '-s', '/bin/bash', name]);
  if (hash === undefined) await succeed(['chpasswd'], { input: `${name}:${passphrase}\n` });
  else await succeed(['chpasswd', '-e'], { input: `${name}:${hash}\n` });
  const line = readFileSync('/etc/shadow', 'utf8')
    .split('\n')
    .find((text) => text.startsWith(`${name}:`));
  return line?.split(':')[1] ?? '';
}

async function run(report: Report): Promise<void> {
  const stack = ['auth', 'account', 'session'].map((phase) => `@include common-${phase}\n`);
  writeFileSync(`/etc/pam.d/${service}`, `session optional pam_keyinit.so force revoke\n${stack.join('')}`);
  const grid = new OneHostGrid('physics.example.org');
  try {
    await grid.start();
    const { credentialFile } = await grid.enrol('alice', passphrase);
    const bytes = readFileSync(credentialFile);
    const secret = (): Buffer => Buffer.from(passphrase);
    const credential = await readCredential(bytes, secret());
    const cheap = await writePkcs12(credential, secret(), { iterations: 1 });
    writeFileSync(`${grid.stick}/cheap.p12`, cheap, { mode: 0o600 });
    const yescrypt = await addLocalUser('bob');
    if (!yescrypt.startsWith('$y$'))
      throw new Error(`chpasswd made no yescrypt hash: ${yescrypt.slice(0, 4)}`);
    const des = (
      await succeed(['perl', '-e', 'chomp($p = <STDIN>); print crypt($p, "ab")'], { input: passphrase })
    ).trim();
    await addLocalUser('dan', des);

    report.note(
      `load average ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} processors at the start`,
    );
    const whole = {
      ours: await logins({ name: 'alice@physics', answers: ['alice.p12', passphrase] }, 100),
      theirs: await logins({ name: 'bob', answers: [passphrase] }, 100),
    };
    const rest = {
      ours: await logins({ name: 'alice@physics', answers: ['cheap.p12', passphrase] }, 200),
      theirs: await logins({ name: 'dan', answers: [passphrase] }, 200),
    };
    const derivation = {
      ours: await times(50, () => readCredential(bytes, secret())),
      parse: await times(50, () => readCredential(cheap, secret())),
      theirs: await cryptTimes(yescrypt, 50),
    };
    const iterations = /Iteration (\d+)/.exec(
      await succeed(['sh', '-c', 'openssl pkcs12 -info -noout -in "$0" -passin stdin 2>&1', credentialFile], {
        input: `${passphrase}\n`,
      }),
    )?.[1];
    report.note(
      `key derivation: PKCS#12 with ${iterations} iterations (PBKDF2 of key, MAC) less ${quantile(derivation.parse, 0.5).toFixed(1)} ms of parsing; yescrypt at ${yescrypt.split('$')[2]}`,
    );
    report.note(
      'not of equal strength: yescrypt makes an attacker pay in memory, the format of PKCS#12 only in hashes; a guess costs its MAC alone',
    );
    for (const [unit, q, aim] of [
      ['ms p50', 0.5, 20],
      ['ms p99', 0.99, 60],
    ] as const) {
      report.add({
        case: 'key derivation alone',
        ours: quantile(derivation.ours, q) - quantile(derivation.parse, 0.5),
        peer: quantile(derivation.theirs, q),
        peerName: 'yescrypt',
        unit,
        better: 'lower',
      });
      for (const phase of phases) {
        report.add({
          case:
            phase === 'all'
              ? `four phases without key derivation (aim ${aim})`
              : `${phase}, without key derivation`,
          ours: quantile(
            rest.ours.map((login) => login[phase]),
            q,
          ),
          peer: quantile(
            rest.theirs.map((login) => login[phase]),
            q,
          ),
          peerName: 'pam_unix, DES hash',
          unit,
          better: 'lower',
        });
      }
      report.add({
        case: 'four phases as people log in',
        ours: quantile(
          whole.ours.map(({ all }) => all),
          q,
        ),
        peer: quantile(
          whole.theirs.map(({ all }) => all),
          q,
        ),
        peerName: 'pam_unix, yescrypt',
        unit,
        better: 'lower',
      });
    }
  } catch (error) {
    throw new Error(`${String(error)}\n${grid.logs().slice(-4000)}`, { cause: error });
  } finally {
    await grid.stop();
  }
}

export const bench: Bench = {
  name: 'login',
  what: 'authenticate, account, open and close of a grid user beside pam_unix with yescrypt',
  sandbox: true,
  run,
};
