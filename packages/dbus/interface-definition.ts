/** A D-Bus interface described in data; `connection.exportInterface` serves it. */

/** Values by signature: s o g string; b boolean; y n q i u d number; x t bigint; a* array; a{s*} object keyed by
 * string (other dictionaries: Map); () array; v `Variant`; ay Uint8Array. h is not supported. */
export type DbusValue =
  | string
  | number
  | bigint
  | boolean
  | Uint8Array
  | Variant
  | readonly DbusValue[]
  | ReadonlyMap<string | number | bigint | boolean, DbusValue>
  | { readonly [key: string]: DbusValue };

export interface Variant {
  readonly signature: string;
  readonly value: DbusValue;
}

/** Named arguments in order: `{ account: 's', uid: 'u' }`. */
export type ArgumentSignatures = { readonly [name: string]: string };

/** Who called: as the bus daemon says, never as the caller says. */
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
  /** Returns the output arguments in order. An XosError becomes the D-Bus error of its code. */
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

export interface InterfaceDefinition {
  /** `org.xtreemos.Accounts1`. */
  readonly name: string;
  readonly methods?: { readonly [member: string]: MethodDefinition };
  readonly properties?: { readonly [name: string]: PropertyDefinition };
  readonly signals?: { readonly [member: string]: ArgumentSignatures };
}
