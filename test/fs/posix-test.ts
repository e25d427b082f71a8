/** A POSIX test: a directory of its own beneath the one that is judged, and people who make system calls there. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { type Answer, Caller, type Status, statusOf, type User, type Word } from './calls/caller.ts';
import { judgedDirectory } from './judged-directory.ts';

/** Alice and bob share no group; carol is in both of theirs. They are nobody on any host. */
export const users = {
  root: { uid: 0, gid: 0 },
  alice: { uid: 65_533, gid: 65_533 },
  bob: { uid: 65_532, gid: 65_532 },
  carol: { uid: 65_531, gid: 65_531, groups: [65_531, 65_532, 65_533] },
} as const satisfies Record<string, User>;

export interface Scene {
  readonly root: Caller;
  readonly alice: Caller;
  readonly bob: Caller;
  readonly carol: Caller;
  /** For Node's own calls; everybody may write there. */
  readonly path: string;
  /** One more process, ended with the test. */
  readonly start: (user: User) => Caller;
}

export function posixTest(name: string, run: (scene: Scene) => Promise<void>): void {
  test(name, { timeout: 60_000 }, async (t) => {
    const directory = mkdtempSync(path.join(await judgedDirectory(), 'test-'));
    const callers: Caller[] = [];
    const start = (user: User): Caller => {
      const caller = new Caller(directory, user);
      callers.push(caller);
      return caller;
    };
    t.after(async () => {
      await Promise.all(callers.map((caller) => caller.end()));
      rmSync(directory, { recursive: true });
    });
    chmodSync(directory, 0o777);
    const [root, alice, bob, carol] = [
      start(users.root),
      start(users.alice),
      start(users.bob),
      start(users.carol),
    ];
    await run({ root, alice, bob, carol, path: directory, start });
  });
}

/** The call gives this errno, or `ok`. */
export async function gives(
  result: string | readonly string[],
  caller: Caller,
  name: string,
  ...words: readonly Word[]
): Promise<Answer> {
  const answer = await caller.call(name, ...words);
  const wanted = typeof result === 'string' ? [result] : result;
  const shown = words.map((word) => (typeof word === 'object' ? '(bytes)' : word)).join(' ');
  assert.ok(
    wanted.includes(answer.result),
    `uid ${caller.user.uid}: ${name} ${shown.slice(0, 200)}: ${answer.result}, not ${wanted.join(' or ')}`,
  );
  return answer;
}

export async function statusAt(caller: Caller, name: Word): Promise<Status> {
  return statusOf(await caller.values('lstat', name));
}

/** Makes the file with this content, as the caller. */
export async function makeFile(caller: Caller, name: Word, content: Word = 'x', mode = 0o644): Promise<void> {
  const file = await caller.done('open', name, 0o1102, mode);
  await caller.done('pwrite', file, 0, content);
  await caller.done('close', file);
}

/** The times that a call marks on `name` grow by it, the others stay. */
export async function marks(
  caller: Caller,
  name: Word,
  times: { readonly mtime?: boolean; readonly ctime?: boolean },
  change: () => Promise<unknown>,
): Promise<void> {
  const before = await statusAt(caller, name);
  await new Promise((resolve) => setTimeout(resolve, 15)); // beyond a tick of the kernel's coarse clock
  await change();
  const after = await statusAt(caller, name);
  for (const key of ['mtime', 'ctime'] as const) {
    const grew = after[`${key}Ns`] > before[`${key}Ns`];
    const wanted = times[key] === true;
    assert.equal(grew, wanted, `${key} of ${String(name)} ${wanted ? 'stays' : 'is marked'}`);
  }
}
