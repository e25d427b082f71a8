/** pjdfstest on the file system in memory: the built copy that PJDFSTEST names, as root. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { privateNamespace, serveMemory } from './fixtures/private-mount.ts';

const suite = process.env['PJDFSTEST'];

test('pjdfstest passes', {
  skip: suite === undefined && 'PJDFSTEST names no built pjdfstest',
  timeout: 590_000,
}, async () => {
  const space = await privateNamespace();
  try {
    const server = await serveMemory(space);
    await fs.chmod(space.mountPoint, 0o755);
    const work = path.join(space.mountPoint, 'work');
    await fs.mkdir(path.join(space.outside, 'work'));
    const script = 'cd "$1" && exec prove -r "$2/tests"';
    const prove = space.spawn(['sh', '-c', script, 'sh', work, suite ?? ''], { stdio: 'pipe' });
    let output = '';
    prove.stdout?.on('data', (text) => {
      output += text;
    });
    const [status] = await once(prove, 'exit');
    console.log(
      output
        .split('\n')
        .filter((line) => /^(Files|Result)/.test(line))
        .join(' '),
    );
    assert.equal(status, 0, output.slice(output.indexOf('Test Summary Report')));
    await server.command({ do: 'unmount' });
    assert.deepEqual((await server.ended()).errors, []);
  } finally {
    await space.end();
  }
});
