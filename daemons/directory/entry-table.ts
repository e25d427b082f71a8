import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { XosError } from '@xtreemos/base';
import { afterPrefix, type Store, type StoreReader, type StoreWriter } from '@xtreemos/store';

/** Messages by UUID in one table of the store. */
export class EntryTable<Schema extends DescMessage> {
  readonly #store: Store;
  readonly #prefix: Buffer;
  readonly #schema: Schema;

  /** @param table a letter of its own, as the first byte of its keys */
  constructor(store: Store, table: string, schema: Schema) {
    this.#store = store;
    this.#prefix = Buffer.from(table, 'latin1');
    this.#schema = schema;
  }

  get(uuid: string, reader: StoreReader = this.#store): MessageShape<Schema> | undefined {
    const value = reader.get(this.#key(uuid));
    return value === undefined ? undefined : this.#read(value, uuid);
  }

  /** All of them, by UUID. */
  *all(): Generator<MessageShape<Schema>> {
    const to = afterPrefix(this.#prefix);
    const range = { from: this.#prefix, ...(to === undefined ? {} : { to }) };
    for (const { key, value } of this.#store.range(range))
      yield this.#read(value, key.toString('utf8', this.#prefix.length));
  }

  put(writer: StoreWriter, uuid: string, entry: MessageInitShape<Schema>): void {
    writer.put(this.#key(uuid), toBinary(this.#schema, create(this.#schema, entry)));
  }

  delete(writer: StoreWriter, uuid: string): boolean {
    return writer.delete(this.#key(uuid));
  }

  #key(uuid: string): Buffer {
    return Buffer.concat([this.#prefix, Buffer.from(uuid, 'utf8')]);
  }

  #read(value: Uint8Array, uuid: string): MessageShape<Schema> {
    try {
      return fromBinary(this.#schema, value);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new XosError('XOS_DATA_CORRUPT', { what: `The entry ${uuid} of the DIR`, reason }, { cause });
    }
  }
}
