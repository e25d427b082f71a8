/** pjdfstest: the built copy that PJDFSTEST names, as root. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { publicSuite, runScript } from './public-suite.ts';

publicSuite('PJDFSTEST', 1500, async (copy, directory, t) => {
  const { status, output } = await runScript(
    'prove --recurse --verbose "$PJDFSTEST/tests"',
    path.join(directory, 'work'),
    1400,
    { PJDFSTEST: copy },
  );
  const results = output.split('\n').filter((line) => /^(not )?ok \d/.test(line));
  const passed = results.filter((line) => line.startsWith('ok') || line.includes('# TODO'));
  t.diagnostic(`pjdfstest: ${passed.length} of ${results.length}`);
  assert.equal(status, 0, output.slice(output.indexOf('Test Summary Report')));
});
