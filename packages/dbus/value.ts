/**
 * D-Bus values in JavaScript, by signature: s o g string; b boolean; y n q i u d number; x t bigint (a safe integer is
 * taken as well); ay Buffer; a* array; a{s*} a{o*} a{g*} object; other dictionaries Map; () array; v `Variant`.
 */
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

/** A value that brings its type along. */
export interface Variant {
  readonly signature: string;
  readonly value: DbusValue;
}

export function variant(signature: string, value: DbusValue): Variant {
  return { signature, value };
}
