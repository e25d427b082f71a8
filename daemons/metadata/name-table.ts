import type { Store, StoreReader, StoreWriter } from '@xtreemos/store';
import { refusal } from './errno-error.ts';
import { counterKey, nameIdKey, nameKey } from './store-keys.ts';

/** Longer names of users, groups and OSDs are refused; keys of the store have to take them. */
const maximumNameBytes = 512;

/**
 * Names of users, groups and OSDs have numbers, so that an inode is short. A number always means the same name. Only what is
 * committed is remembered here: a change that is undone takes its numbers back.
 */
export class NameTable {
  readonly #store: Store;
  readonly #ids = new Map<string, number>();
  readonly #names = new Map<number, string>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** @returns 0, which is nobody's, for a name that no file has */
  idOf(name: string): number {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    if (!isStorable(name)) return 0;
    const id = this.#store.get(nameKey(name))?.readUInt32BE() ?? 0;
    if (id !== 0) this.#remember(id, name);
    return id;
  }

  /** The id of a name, made when there is none. @throws ErrnoError EINVAL for a name that cannot be stored */
  take(writer: StoreWriter, name: string): number {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    if (!isStorable(name)) throw refusal('EINVAL', 'a name of no user or group');
    const stored = writer.get(nameKey(name));
    if (stored !== undefined) return stored.readUInt32BE();
    const id = (writer.get(counterKey('name'))?.readUInt32BE() ?? 0) + 1;
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(id);
    writer.put(counterKey('name'), bytes);
    writer.put(nameKey(name), bytes);
    writer.put(nameIdKey(id), Buffer.from(name, 'utf8'));
    return id;
  }

  /** @param reader the change's own view where one is under way */
  nameOf(id: number, reader: StoreReader = this.#store): string {
    const known = this.#names.get(id);
    if (known !== undefined) return known;
    const name = reader.get(nameIdKey(id))?.toString('utf8');
    if (name === undefined) throw new Error(`the store has no name with number ${id}`);
    if (reader === this.#store) this.#remember(id, name);
    return name;
  }

  #remember(id: number, name: string): void {
    this.#ids.set(name, id);
    this.#names.set(id, name);
  }
}

function isStorable(name: string): boolean {
  return name.length > 0 && name.isWellFormed() && Buffer.byteLength(name) <= maximumNameBytes;
}
