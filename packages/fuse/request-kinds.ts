import { attributeRequests } from './attribute-requests.ts';
import { directoryRequests } from './directory-requests.ts';
import { fileRequests } from './file-requests.ts';
import { lockRequests } from './lock-requests.ts';
import { nameRequests } from './name-requests.ts';
import type { AnyKind } from './request-kind.ts';
import { xattrRequests } from './xattr-requests.ts';

/** By opcode. What the loop answers by itself (init, forget, interrupt) is not among them. */
export const requestKinds: readonly (AnyKind | undefined)[] = (() => {
  const table: (AnyKind | undefined)[] = [];
  const all = [nameRequests, attributeRequests, fileRequests, directoryRequests, xattrRequests, lockRequests];
  for (const [opcode, kind] of all.flat()) table[opcode] = kind;
  // Without holes, which map() would leave out.
  return Array.from(table);
})();
