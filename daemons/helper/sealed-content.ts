import { fstatSync } from 'node:fs';
import { XosError } from '@xtreemos/base';
import { seals } from '@xtreemos/native-sys';

/**
 * Size of a caller's content. It has to be a sealed memfd: its bytes and size are then final, reading it waits for
 * nothing, and no check is overtaken by a change.
 * @throws XosError XOS_INPUT_BAD for another kind of descriptor, XOS_INPUT_TOO_LARGE
 */
export function sealedSize(descriptor: number, what: string, limitBytes: number): number {
  const needed = ['write', 'grow', 'shrink', 'seal'] as const;
  let sealed: ReturnType<typeof seals>;
  try {
    sealed = seals(descriptor);
  } catch (cause) {
    throw new XosError(
      'XOS_INPUT_BAD',
      { what, where: 'the descriptor', reason: 'it is no memfd' },
      { cause },
    );
  }
  if (needed.some((seal) => !sealed.has(seal))) {
    throw new XosError('XOS_INPUT_BAD', { what, where: 'the descriptor', reason: 'the memfd is not sealed' });
  }
  const { size } = fstatSync(descriptor);
  if (size > limitBytes) throw new XosError('XOS_INPUT_TOO_LARGE', { what, size, limit: limitBytes });
  if (size === 0)
    throw new XosError('XOS_INPUT_BAD', { what, where: 'the descriptor', reason: 'it is empty' });
  return size;
}
