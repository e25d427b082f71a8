/** A mount of one directory of the volume: the kernel knows the root of every mount as node 1, the MRC by another number. */
import type { FuseOperations } from '@xtreemos/fuse';

const kernelRoot = 1;

/** Which parameters are directories that may be the root; elsewhere the second one. */
const places: Readonly<Record<string, readonly number[]>> = { rename: [1, 3], link: [1, 2], forget: [0] };

export interface SubtreeRoot {
  /** As the kernel calls a node of the volume. */
  kernelNode(node: number): number;
  /** Operations that get the volume's numbers. */
  below(operations: FuseOperations): FuseOperations;
}

/** @param root the directory's number in the volume */
export function subtreeRoot(root: number): SubtreeRoot {
  const kernelNode = (node: number) => (node === root ? kernelRoot : node);
  return {
    kernelNode,
    below(operations) {
      if (root === kernelRoot) return operations;
      const entries = Object.entries(operations).map(([name, operation]) => {
        const numbered = places[name] ?? [1];
        const call = operation as (...parameters: unknown[]) => unknown;
        return [
          name,
          (...parameters: unknown[]) =>
            call(
              ...parameters.map((value, at) =>
                numbered.includes(at) && value === kernelRoot ? root : value,
              ),
            ),
        ];
      });
      return Object.fromEntries(entries) as FuseOperations;
    },
  };
}
