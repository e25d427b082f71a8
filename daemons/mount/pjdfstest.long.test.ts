/** pjdfstest on a mounted volume of real servers: the built copy that PJDFSTEST names, as root. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mountedVolume } from './mount-fixtures.ts';

const suite = process.env['PJDFSTEST'];

test('pjdfstest passes on a volume', {
  skip: suite === undefined && 'PJDFSTEST names no built pjdfstest',
  timeout: 1_800_000,
}, async (context) => {
  const volume = await mountedVolume(context);
  const { status, output } = await volume.run(
    'mkdir $MNT/work && cd $MNT/work && prove -r "$PJDFSTEST/tests"',
  );
  const figures = output.split('\n').filter((line) => /^(Files|Result)/.test(line));
  context.diagnostic(figures.join(' '));
  assert.equal(status, 0, output.slice(output.indexOf('Test Summary Report')));
});
