import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { blocksPerGroup } from './file-layout.ts';
import { PlacedBlocks, rowsOf } from './placed-blocks.ts';

const groups = 3;
const blocks = groups * blocksPerGroup;
/** Few, so that ranges meet. */
const block = fc.nat({ max: 40 }).map((step) => Math.floor((step * blocks) / 41));
const checksum = fc.integer({ min: 1, max: 3 });

type Step =
  | { readonly kind: 'set'; readonly first: number; readonly checksums: readonly number[] }
  | { readonly kind: 'delete'; readonly first: number; readonly end: number }
  | { readonly kind: 'copy' | 'move' | 'clear' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('set' as const),
      first: block,
      checksums: fc.array(checksum, { maxLength: 90 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('delete' as const),
      first: block,
      end: fc.oneof(block, fc.constant(Number.POSITIVE_INFINITY)),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom('copy' as const, 'move' as const, 'clear' as const) }),
  },
);

test('placed blocks behave as a map of blocks, and those move that are as they were when they were copied', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const placed = new PlacedBlocks();
      const model = new Map<number, number>();
      let copied = placed.copy();
      let modelCopied = new Map(model);
      for (const done of steps) {
        if (done.kind === 'set') {
          const room = blocksPerGroup - (done.first % blocksPerGroup);
          const checksums = Uint32Array.from(done.checksums.slice(0, room));
          placed.set(done.first, checksums);
          for (const [index, one] of checksums.entries()) model.set(done.first + index, one);
        } else if (done.kind === 'delete') {
          placed.delete(done.first, done.end);
          for (const one of model.keys()) if (one >= done.first && one < done.end) model.delete(one);
        } else if (done.kind === 'clear') {
          placed.clear();
          model.clear();
        } else if (done.kind === 'copy') {
          copied = placed.copy();
          modelCopied = new Map(model);
        } else {
          const pages = new Map(
            Array.from({ length: groups }, (_, group) => [group, new Uint32Array(blocksPerGroup)]),
          );
          for (const [group, checksums] of copied) {
            const areAny = placed.retain(group, checksums);
            assert.equal(
              areAny,
              checksums.some((one) => one !== 0),
            );
            placed.move(group, checksums, pages.get(group) ?? checksums);
          }
          const moved = new Uint32Array(blocks);
          for (const [one, value] of modelCopied)
            if (model.get(one) === value) {
              moved[one] = value;
              model.delete(one);
            }
          assert.deepEqual(Uint32Array.from([...pages.values()].flatMap((page) => [...page])), moved);
          copied = new Map();
          modelCopied = new Map();
        }
        assert.equal(placed.size, model.size);
      }
      for (let one = 0; one < blocks; one++) {
        assert.equal(placed.get(one), model.get(one));
        assert.equal(placed.has(one), model.has(one));
      }
    }),
    { numRuns: 100 },
  );
});

test('checksums in a row are found, none longer than a record', () => {
  assert.deepEqual(
    [...rowsOf(Uint32Array.of(0, 1, 2, 3, 4, 5, 0, 0, 6), 3)],
    [
      [1, 4],
      [4, 6],
      [8, 9],
    ],
  );
  assert.deepEqual([...rowsOf(new Uint32Array(4), 3)], []);
  assert.deepEqual([...rowsOf(Uint32Array.of(1, 1, 1), 3)], [[0, 3]]);
});
