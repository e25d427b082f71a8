import assert from 'node:assert/strict';
import test from 'node:test';
import { FileSize } from './file-size.ts';

const known = { size: 100, truncateEpoch: 1, mtimeNs: 10n, change: 5n };

test('a file is as long as what was written here, until the MRC confirms it', () => {
  const file = new FileSize(known);
  file.wrote(100, 15n);
  assert.equal(file.isLonger, false);
  file.wrote(500, 20n);
  assert.equal(file.isLonger, true);
  file.reported({ size: 500, truncateEpoch: 1 });
  assert.equal(file.size, 500);
  file.adopt({ ...known, change: 6n });
  assert.equal(file.size, 500);
  const report = file.report();
  assert.ok(report);
  assert.deepEqual(report.written, { size: 500, truncateEpoch: 1 });
  file.confirmed(report, { ...known, size: 500, mtimeNs: 20n, change: 7n }, true);
  assert.equal(file.report(), undefined);
  assert.equal(file.isLonger, false);
  assert.equal(file.size, 500);
});

test('an answer that is older than what is known changes nothing', () => {
  const file = new FileSize(known);
  assert.equal(file.adopt({ ...known, size: 7, change: 4n }), false);
  assert.equal(file.size, 100);
});

test('what was written while a report was under way is reported again', () => {
  const file = new FileSize(known);
  file.wrote(200, 20n);
  const report = file.report();
  assert.ok(report);
  file.wrote(300, 30n);
  file.confirmed(report, { ...known, size: 200, change: 6n }, true);
  assert.equal(file.size, 300);
  assert.ok(file.report());
});

test('what was written before a report, and came to an OSD after it, is reported again', () => {
  const file = new FileSize(known);
  file.wrote(200, 20n);
  file.reported({ size: 200, truncateEpoch: 1 });
  file.wrote(300, 30n);
  const report = file.report();
  assert.ok(report);
  file.reported({ size: 300, truncateEpoch: 1 });
  file.confirmed(report, { ...known, size: 200, mtimeNs: 30n, change: 6n }, true);
  assert.equal(file.size, 300);
  const again = file.report();
  assert.deepEqual(again?.written, { size: 300, truncateEpoch: 1 });
  if (again !== undefined) file.confirmed(again, { ...known, size: 300, mtimeNs: 30n, change: 7n }, true);
  assert.equal(file.report(), undefined);
  assert.equal(file.size, 300);
});

test('a higher epoch counts more than a larger size', () => {
  const file = new FileSize(known);
  file.wrote(200, 20n);
  file.reported({ size: 200, truncateEpoch: 1 });
  file.reported({ size: 50, truncateEpoch: 2 });
  file.reported({ size: 900, truncateEpoch: 1 });
  assert.deepEqual(file.report()?.written, { size: 50, truncateEpoch: 2 });
});

test('cut by another client, the file ends where he cut it', () => {
  const file = new FileSize(known);
  file.wrote(200, 20n);
  file.adopt({ size: 0, truncateEpoch: 2, mtimeNs: 30n, change: 9n });
  assert.equal(file.size, 0);
});

test('a hole is told once, with the time of change or without, and again when there is another one', () => {
  const file = new FileSize(known);
  file.leftHole();
  assert.equal(file.isAhead, false);
  const report = file.report();
  assert.deepEqual([report?.leavesHole, report?.mtimeNs], [true, undefined]);
  file.leftHole();
  if (report !== undefined) file.confirmed(report, known, true);
  const again = file.report();
  assert.equal(again?.leavesHole, true);
  // Of data that are not at the OSDs yet the hole is told all the same.
  if (again !== undefined) file.confirmed(again, known, false);
  assert.equal(file.leavesHole, false);
  assert.equal(file.report(), undefined);
});

test('what another client cut may have a hole where this one writes on', () => {
  const reported = new FileSize(known);
  reported.wrote(200, 20n);
  reported.reported({ size: 200, truncateEpoch: 1 });
  assert.equal(reported.leavesHole, false);
  reported.reported({ size: 200, truncateEpoch: 2 });
  assert.equal(reported.leavesHole, true);
  const adopted = new FileSize(known);
  adopted.adopt({ size: 0, truncateEpoch: 2, mtimeNs: 30n, change: 9n });
  assert.equal(adopted.leavesHole, false);
  adopted.wrote(200, 40n);
  adopted.adopt({ size: 0, truncateEpoch: 3, mtimeNs: 30n, change: 10n });
  assert.equal(adopted.leavesHole, true);
});
