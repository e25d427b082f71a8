import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CpuProfile, drawFlame, flameOf } from './flame-graph.ts';

const frame = (functionName: string, url = 'file:///x/daemons/mount/main.ts') => ({
  functionName,
  url,
  lineNumber: 1,
});
/** work calls itself and `write<>`; between them nothing is done. */
const profile: CpuProfile = {
  startTime: 1000,
  nodes: [
    { id: 1, callFrame: frame('(root)', ''), children: [2, 3] },
    { id: 2, callFrame: frame('work'), children: [4, 5] },
    { id: 3, callFrame: frame('(idle)', '') },
    { id: 4, callFrame: frame('write<>', 'node:fs') },
    { id: 5, callFrame: frame('work') },
  ],
  samples: [2, 4, 3, 4, 5],
  timeDeltas: [10, 20, 1000, 30, 40],
};

test('a flame is as wide as what ran under it took, without the time in which nothing was to be done', () => {
  const flame = flameOf(profile);
  assert.equal(flame.totalUs, 100);
  const [work] = flame.callees.values();
  assert.deepEqual([work?.name, work?.totalUs, work?.selfUs], ['work', 100, 10]);
  const callees = [...(work?.callees.values() ?? [])].map(({ name, totalUs }) => [name, totalUs]);
  assert.deepEqual(callees, [
    ['write<>', 50],
    ['work', 40],
  ]);
});

test('what was before and after a span is left out', () => {
  assert.equal(flameOf(profile, 1015, 1500).totalUs, 20);
});

test('the drawing has a box for each, with its share, and is XML whatever functions are called', () => {
  const svg = drawFlame(flameOf(profile), 'small & <fast>');
  assert.equal(svg.match(/<rect /g)?.length, 4);
  assert.match(svg, /<title>write&#60;&#62; \(node:fs\): 50\.0 %, itself 50\.0 %<\/title>/);
  assert.match(svg, /small &#38; &#60;fast&#62;/);
});
