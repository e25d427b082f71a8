import assert from 'node:assert/strict';
import { test } from 'node:test';
import { terminalOf } from '../output/terminal.ts';
import { xos } from '../testing/xos-process.ts';
import type { Check } from './check.ts';
import { allChecks } from './checks.ts';
import { doctorReport } from './doctor-report.ts';
import { examine } from './examination.ts';
import { failure, notInstalled, ok, unchecked, warning } from './finding.ts';
import { HostFixture } from './host-fixture.ts';
import { runProgram } from './this-host.ts';

const check = (name: string, run: Check['examine']): Check => ({ name, about: name, examine: run });
const plain = terminalOf({}, {});

test('checks run side by side; one that hangs or throws is "not checked" and holds up no other', async () => {
  using host = new HostFixture();
  const startedAt = performance.now();
  const results = await examine(
    host.host(),
    [
      check('hangs', () => new Promise(() => undefined)),
      check('hangs-too', () => new Promise(() => undefined)),
      check('throws', async () => {
        throw new Error('unexpected');
      }),
      check('denied', async () => {
        throw Object.assign(new Error('open /x'), { code: 'EACCES' });
      }),
      check('well', async () => [ok('fine')]),
    ],
    200,
  );
  assert.ok(performance.now() - startedAt < 1_500);
  assert.deepEqual(
    results.map(({ name, state }) => `${name} ${state}`),
    ['hangs unchecked', 'hangs-too unchecked', 'throws unchecked', 'denied unchecked', 'well ok'],
  );
  assert.match(results[0]?.findings[0]?.text ?? '', /no result within 0\.2 s/);
  assert.match(results[3]?.findings[0]?.text ?? '', /needs root/);
});

test('a process that did not get to run for longer than a check may take still reads what answered meanwhile', async () => {
  using host = new HostFixture();
  const stalled = check('stalled', async () => {
    const answered = new Promise((resolve) => setTimeout(resolve, 100));
    const until = performance.now() + 450;
    while (performance.now() < until);
    await answered;
    await runProgram('true', []);
    return [ok('read')];
  });
  const [result] = await examine(host.host(), [stalled], 300);
  assert.equal(result?.state, 'ok');
});

test('the exit code is 1 for a failure alone; what to do stands under each problem, what does not apply at the end', async () => {
  using host = new HostFixture();
  const reportOf = async (...findings: Parameters<typeof check>[1][]) =>
    doctorReport(
      await examine(
        host.host(),
        findings.map((run, index) => check(`check-${index}`, run)),
      ),
    );
  const warned = await reportOf(
    async () => [ok('fine')],
    async () => [warning('odd', 'look')],
    async () => [unchecked('needs root')],
  );
  assert.equal(warned.exitCode, 0);
  const failed = await reportOf(
    async () => [notInstalled('x')],
    async () => [failure('broken\u001b[2J', 'mend it'), ok('the rest')],
    async () => [notInstalled('x')],
  );
  assert.equal(failed.exitCode, 1);
  assert.equal(
    failed.text(plain),
    [
      'failure      check-1        broken\\x1b[2J',
      `${' '.repeat(28)}-> mend it`,
      'ok           check-1        the rest',
      'not checked  x is not installed here: check-0, check-2',
      '',
      '3 checks: 0 ok, 0 warnings, 1 failures, 2 not checked.',
      '',
    ].join('\n'),
  );
});

test('names are unique words, and no check needs more than a client has', async () => {
  const names = allChecks.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, about } of allChecks) {
    assert.match(name, /^[a-z]+$/);
    assert.match(about, /^\S.*[^.]$/);
  }
});

test('a program that is missing, fails or prints comes back as what it did', async () => {
  assert.equal((await runProgram('no-such-program-of-ours', [])).isMissing, true);
  const failed = await runProgram('sh', ['-c', 'echo out; echo err >&2; exit 3']);
  assert.deepEqual(failed, { status: 3, stdout: 'out\n', stderr: 'err\n', isMissing: false });
});

test('names are looked up as the host does, and a family it has not is none', async () => {
  const result = await xos(['doctor', 'dns', '--json=short']);
  assert.equal(result.exitCode, 0, result.stdout);
  assert.doesNotMatch(result.stdout, /::ffff:/);
});
