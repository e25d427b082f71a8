import { XosError } from '@xtreemos/base';
import { busName, busPath, type CallOptions } from './bus-session.ts';
import type { Caller } from './interface-definition.ts';
import type { DbusValue, Variant } from './value.ts';

export interface CallerDirectory {
  /** Who owns a unique name. @throws XosError XOS_PERMISSION when the bus does not know (the caller has gone). */
  identify(uniqueName: string): Promise<Caller>;
  /** For a new life of the bus: unique names start anew. */
  forget(): void;
}

const maximumRemembered = 256;

/** Credentials by unique name. A bus never gives a unique name twice, so that what it said once stays true. */
export function createCallerDirectory(
  call: (options: CallOptions) => Promise<readonly DbusValue[]>,
): CallerDirectory {
  const known = new Map<string, Caller>();
  return {
    async identify(uniqueName) {
      const remembered = known.get(uniqueName);
      if (remembered !== undefined) return remembered;
      const [credentials] = await call({
        destination: busName,
        path: busPath,
        interface: busName,
        member: 'GetConnectionCredentials',
        signature: 's',
        body: [uniqueName],
      });
      const numberOf = (name: string): number | undefined => {
        const value = (credentials as { readonly [key: string]: Variant })[name]?.value;
        return typeof value === 'number' ? value : undefined;
      };
      const uid = numberOf('UnixUserID');
      if (uid === undefined) {
        const reason = 'the bus does not know its uid';
        throw new XosError('XOS_PERMISSION', { who: uniqueName, attempt: 'call', reason });
      }
      const caller = { uniqueName, uid, pid: numberOf('ProcessID') ?? 0 };
      if (known.size >= maximumRemembered) {
        const oldest = known.keys().next();
        if (oldest.done !== true) known.delete(oldest.value);
      }
      known.set(uniqueName, caller);
      return caller;
    },
    forget: () => known.clear(),
  };
}
