/** What of a node changed: what others keep of it is no longer true. */
export type ChangeKind = 'attributes' | 'entries' | 'data' | 'append-wanted';

export interface ChangeEvent {
  readonly node: number;
  readonly kind: ChangeKind;
  /** Of `entries`: the name in question. */
  readonly name?: Buffer;
  /** The one client that is to know; undefined: all. */
  readonly onlyFor?: string;
}
