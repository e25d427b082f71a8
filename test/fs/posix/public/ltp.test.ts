/** The fs set of LTP: the installed copy that LTP names, as root. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { publicSuite, runScript } from './public-suite.ts';

/** Why a test of the set says nothing of the file system that is judged. */
const excluded: Readonly<Record<string, string>> = {
  proc01: 'reads /proc',
  read_all_dev: 'reads /dev',
  read_all_proc: 'reads /proc',
  read_all_sys: 'reads /sys',
  quota_remount_test01: 'makes a file system with quotas on a loop device',
  isofs: 'makes ISO images and mounts them from loop devices',
  fs_fill: 'fills file systems that it makes on a loop device',
  binfmt_misc01: 'registers formats of programs with the kernel',
  binfmt_misc02: 'registers formats of programs with the kernel',
  squashfs01: 'makes a squashfs and mounts it from a loop device',
  acl_user_obj01: 'makes a file system on a loop device',
  acl_mask01: 'makes a file system on a loop device',
  acl_other01: 'makes a file system on a loop device',
  acl_inherit01: 'makes a file system on a loop device',
  acl_file_ops01: 'makes a file system on a loop device',
  acl_link01: 'makes a file system on a loop device',
};

const totalSeconds = 3000;
const secondsPerTest = 600;
/** Most of them write for a time that the set gives. */
const atOnce = 4;

publicSuite('LTP', totalSeconds + secondsPerTest, async (copy, directory, t) => {
  const tests = readFileSync(path.join(copy, 'runtest/fs'), 'utf8')
    .split('\n')
    .filter((line) => /^\w/.test(line))
    .map((line) => {
      const [name = ''] = line.split(/\s/);
      return { name, command: line.slice(name.length).trim() };
    })
    .filter(({ name }) => !(name in excluded));
  const failures: string[] = [];
  const waiting = [...tests];
  const end = performance.now() + totalSeconds * 1000;

  const runNext = async (): Promise<void> => {
    const next = waiting.shift();
    if (next === undefined) return;
    const { name, command } = next;
    if (performance.now() > end) {
      failures.push(`${name}: not begun in ${totalSeconds} s`);
    } else {
      const place = path.join(directory, name);
      const { status, output } = await runScript(command, place, secondsPerTest, {
        LTPROOT: copy,
        TMPDIR: place,
        PATH: `${path.join(copy, 'testcases/bin')}:${process.env['PATH']}`,
      });
      if (status === 124 || status === 137) failures.push(`${name}: took longer than ${secondsPerTest} s`);
      else if (status !== 0) failures.push(`${name}: ended with ${status}\n${output.slice(-1500)}`);
      rmSync(place, { recursive: true, force: true });
    }
    await runNext();
  };
  await Promise.all(Array.from({ length: atOnce }, runNext));
  t.diagnostic(
    `LTP fs: ${tests.length - failures.length} of ${tests.length}, ${Object.keys(excluded).length} excluded`,
  );
  assert.deepEqual(failures, []);
});
