import assert from 'node:assert/strict';
import test from 'node:test';
import type { FuseOperations } from '@xtreemos/fuse';
import { subtreeRoot } from './subtree-root.ts';

test("the kernel's root is the directory that was mounted, wherever a request names it", () => {
  const calls: unknown[][] = [];
  const note =
    (name: string) =>
    (...parameters: unknown[]) => {
      calls.push([name, ...parameters]);
      return 0;
    };
  const names = ['lookup', 'getattr', 'rename', 'link', 'write', 'forget'];
  const operations = Object.fromEntries(names.map((name) => [name, note(name)])) as unknown as FuseOperations;
  const { below, kernelNode } = subtreeRoot(77);
  const mounted = below(operations) as unknown as Record<string, (...parameters: unknown[]) => unknown>;
  const name = Buffer.from('a');
  mounted['lookup']?.('request', 1, name);
  mounted['getattr']?.('request', 5, 1);
  mounted['rename']?.('request', 1, name, 1, name, 1);
  mounted['link']?.('request', 9, 1, name);
  mounted['write']?.('request', 9, 1, 1, name, {});
  mounted['forget']?.(1, 1);
  assert.deepEqual(calls, [
    ['lookup', 'request', 77, name],
    ['getattr', 'request', 5, 1],
    ['rename', 'request', 77, name, 77, name, 1],
    ['link', 'request', 9, 77, name],
    ['write', 'request', 9, 1, 1, name, {}],
    ['forget', 77, 1],
  ]);
  assert.deepEqual([kernelNode(77), kernelNode(5)], [1, 5]);
  assert.equal(subtreeRoot(1).below(operations), operations);
});
