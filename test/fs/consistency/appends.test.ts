/** Three mounts append to one file at once: each line is there once and whole, and each writer's in the order that it wrote them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { startVolume } from '../test-volume.ts';

const lines = 60;
const writers = ['one', 'two', 'three'];
/** More than a page, and across pages, so that a torn one shows. */
const lineOf = (writer: string, index: number) =>
  `${writer} ${index} ${`${writer}.`.repeat(20 + (index % 7) * 300)}\n`;

/** A line takes a twentieth of a second on a busy machine. */
const mostMs = 90_000;

/** @param keepsOpen one opening for all lines, else one for each */
async function append(file: string, writer: string, keepsOpen: boolean): Promise<void> {
  const program = `const { openSync, writeSync, closeSync } = require('node:fs');
    const lineOf = ${lineOf.toString()};
    let opened = openSync(${JSON.stringify(file)}, 'a');
    for (let index = 0; index < ${lines}; index++) {
      const line = lineOf(${JSON.stringify(writer)}, index);
      if (writeSync(opened, line) !== line.length) throw new Error('a short write');
      writeSync(1, '.');
      if (!${keepsOpen}) {
        closeSync(opened);
        opened = openSync(${JSON.stringify(file)}, 'a');
      }
    }
    closeSync(opened);`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  let written = '';
  child.stdout.setEncoding('latin1').on('data', (dots: string) => {
    written += `${dots.length} at ${Math.round(performance.now() - startMs)} ms, `;
  });
  const startMs = performance.now();
  let late = '';
  const timer = setTimeout(() => {
    late = `not done after ${mostMs} ms, in ${readFileSync(`/proc/${child.pid}/wchan`, 'utf8')}: ${written}`;
    child.kill('SIGKILL');
  }, mostMs);
  const [status] = await once(child, 'close');
  clearTimeout(timer);
  assert.equal(late, '', writer);
  assert.equal(status, 0);
}

test('three mounts append to one file: no line overwrites another', { timeout: 300_000 }, async (context) => {
  const volume = await startVolume(context);
  const mounts = [await volume.mount(), await volume.mount(), await volume.mount()];
  const files = mounts.map(({ directory }) => path.join(directory, 'log'));
  for (const keepsOpen of [
    [true, true, true],
    [false, true, false],
  ])
    await Promise.all(
      files.map((file, index) => append(file, writers[index] ?? '', keepsOpen[index] === true)),
    );
  for (const file of files) {
    const found = new Map<string, number>();
    for (const line of readFileSync(file, 'utf8').split(/(?<=\n)/)) {
      const [writer = '', index = ''] = line.split(' ');
      assert.ok(line === lineOf(writer, Number(index)), `a line that nobody wrote: ${shortened(line)}`);
      const count = found.get(writer) ?? 0;
      assert.equal(Number(index), count % lines, `the next line of ${writer}`);
      found.set(writer, count + 1);
    }
    const all = Object.fromEntries(writers.map((writer) => [writer, 2 * lines]));
    assert.deepEqual(Object.fromEntries(found), all);
  }
});

function shortened(line: string): string {
  return line.replaceAll(/(\w+\.)(\1)+/g, '$1...').slice(0, 200);
}
