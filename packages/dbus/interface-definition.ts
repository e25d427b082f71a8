import type { DbusValue } from './value.ts';

/** Named arguments in order: `{ account: 's', uid: 'u' }`. */
export type ArgumentSignatures = { readonly [name: string]: string };

/** Who called: as the bus says, never as the caller says. */
export interface Caller {
  readonly uniqueName: string;
  readonly uid: number;
  /** 0 when the bus does not know it. */
  readonly pid: number;
}

export interface MethodDefinition {
  readonly input?: ArgumentSignatures;
  readonly output?: ArgumentSignatures;
  /** polkit action asked before the handler runs; without polkit on the bus only uid 0 passes. */
  readonly polkitAction?: string;
  /**
   * Gets arguments that fit `input` and returns those of `output` in order. An XosError becomes the D-Bus error of its
   * code; anything else is a defect and is answered as XOS_INTERNAL without its message.
   */
  readonly handle: (
    args: readonly DbusValue[],
    caller: Caller,
  ) => readonly DbusValue[] | Promise<readonly DbusValue[]>;
}

export interface PropertyDefinition {
  readonly signature: string;
  readonly get: () => DbusValue;
  /** Makes it writable; the same rules as for methods. */
  readonly set?: {
    readonly polkitAction?: string;
    readonly handle: (value: DbusValue, caller: Caller) => void | Promise<void>;
  };
  /** org.freedesktop.DBus.Property.EmitsChangedSignal; default true. */
  readonly emitsChange?: boolean | 'invalidates' | 'const';
}

/** A D-Bus interface described in data; `connection.exportInterface` serves it. */
export interface InterfaceDefinition {
  /** `org.xtreemos.Accounts1`. */
  readonly name: string;
  readonly methods?: { readonly [member: string]: MethodDefinition };
  readonly properties?: { readonly [name: string]: PropertyDefinition };
  readonly signals?: { readonly [member: string]: ArgumentSignatures };
}

export function joinSignature(args: ArgumentSignatures = {}): string {
  return Object.values(args).join('');
}
