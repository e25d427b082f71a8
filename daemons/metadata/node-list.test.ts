import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NodeList } from './node-list.ts';

test('counts what was added, however much that is', () => {
  const node = fc.oneof(fc.nat(20), fc.integer({ min: 2 ** 40, max: Number.MAX_SAFE_INTEGER - 1 }));
  fc.assert(
    fc.property(fc.array(node, { maxLength: 3000 }), fc.array(node), (nodes, others) => {
      const list = new NodeList();
      for (const each of nodes) list.add(each);
      assert.equal(list.length, nodes.length);
      for (const each of [...nodes.slice(0, 20), ...others])
        assert.equal(list.count(each), nodes.filter((one) => one === each).length, `${each}`);
      assert.deepEqual(list.slice(1, 4), nodes.toSorted((one, other) => one - other).slice(1, 4));
    }),
    { numRuns: 50 },
  );
});
