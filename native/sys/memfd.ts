import { addon } from './addon.ts';

/** What a receiver should find on bytes it maps or reads twice: nobody can change or truncate them any more. */
const kinds = { seal: 0x1, shrink: 0x2, grow: 0x4, write: 0x8 } as const;
type Seal = keyof typeof kinds;

/**
 * An anonymous file in memory (memfd_create(2)), sealable, close-on-exec.
 * @param name for /proc only, at most 249 bytes
 */
export function memfd(name: string): number {
  return addon.memfd(name);
}

/**
 * Seals a memfd for good: no shrinking, growing, writing, and no further change of seals.
 * @throws SystemError EINVAL on what is not a memfd, EPERM when it was sealed before, EBUSY while mapped writable
 */
export function sealDescriptor(descriptor: number): void {
  addon.addSeals(descriptor, kinds.seal | kinds.shrink | kinds.grow | kinds.write);
}

/**
 * The seals of a memfd. @throws SystemError EINVAL on what cannot have any
 */
export function seals(descriptor: number): ReadonlySet<Seal> {
  const bits = addon.getSeals(descriptor);
  return new Set((Object.keys(kinds) as Seal[]).filter((kind) => (bits & kinds[kind]) !== 0));
}
