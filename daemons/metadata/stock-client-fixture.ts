/** What mount.xtreemfs of XtreemFS 1.6 sends for system calls, by paths and in its order. For tests. */
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import {
  type Call,
  type CallUser,
  type FileCredentials,
  metadataCalls,
  type OSDWriteResponse,
  objectCalls,
  type RpcConnection,
} from '@xtreemos/rpc';
import { type Credentials, objectsOf } from '../objects/objects-fixtures.ts';

/** SYSTEM_V_FCNTL. */
export const stockFlag = { writeOnly: 1, readWrite: 2, create: 0x100, truncate: 0x200, exclusive: 0x400 };
/** Of calls that show an XCap, it names this user. */
const bogus: CallUser = { name: 'xtreemfs', groups: [] };

export class StockClient {
  readonly #mrc: RpcConnection;
  readonly #osd: RpcConnection;
  readonly volumeName: string;
  readonly user: CallUser;

  constructor(mrc: RpcConnection, osd: RpcConnection, volumeName: string, user: CallUser) {
    this.#mrc = mrc;
    this.#osd = osd;
    this.volumeName = volumeName;
    this.user = user;
  }

  as(name: string, ...groups: readonly string[]): StockClient {
    return new StockClient(this.#mrc, this.#osd, this.volumeName, { name, groups });
  }

  /** A call about a path. */
  async call<Request extends DescMessage, Response extends DescMessage>(
    call: Call<Request, Response>,
    message: object,
  ): Promise<MessageShape<Response>> {
    const request = { ...message, volumeName: this.volumeName } as unknown as MessageInitShape<Request>;
    return (await this.#mrc.call(call, request, { user: this.user })).response;
  }

  /** A call that shows an XCap. */
  async show<Request extends DescMessage, Response extends DescMessage>(
    call: Call<Request, Response>,
    message: MessageInitShape<Request>,
  ): Promise<MessageShape<Response>> {
    return (await this.#mrc.call(call, message, { user: bogus })).response;
  }

  async open(path: string, flags = 0, mode = 0o644): Promise<StockFile> {
    const { creds } = await this.call(metadataCalls.open, { path, flags, mode, attributes: 0 });
    if (creds === undefined) throw new Error('the client ends here: an open without credentials');
    return new StockFile(this, this.#osd, creds);
  }

  async stat(path: string) {
    const { stbuf } = await this.call(metadataCalls.getattr, { path, knownEtag: 0n });
    if (stbuf === undefined) throw new Error('no attributes were told');
    return stbuf;
  }

  async truncate(path: string, size: bigint): Promise<void> {
    const file = await this.open(path, stockFlag.writeOnly | stockFlag.truncate);
    await file.cut(size);
    await file.close();
  }

  async mkdir(path: string, mode = 0o755): Promise<void> {
    await this.call(metadataCalls.mkdir, { path, mode });
  }

  async unlink(path: string): Promise<void> {
    await this.call(metadataCalls.unlink, { path });
  }

  async names(path: string, pageEntries = 1024): Promise<string[]> {
    const names: string[] = [];
    for (;;) {
      const { entries } = await this.call(metadataCalls.readdir, {
        path,
        knownEtag: 0n,
        limitDirectoryEntriesCount: pageEntries,
        namesOnly: false,
        seenDirectoryEntriesCount: BigInt(names.length),
      });
      names.push(...entries.map(({ name }) => name));
      if (entries.length < pageEntries) return names;
    }
  }
}

/** A file of one stripe. */
export class StockFile {
  readonly #client: StockClient;
  readonly #osd: RpcConnection;
  credentials: FileCredentials;

  constructor(client: StockClient, osd: RpcConnection, credentials: FileCredentials) {
    this.#client = client;
    this.#osd = osd;
    this.credentials = credentials;
  }

  get #shown(): Credentials {
    return this.credentials as unknown as Credentials;
  }

  get xcap() {
    const { xcap } = this.credentials;
    if (xcap === undefined) throw new Error('no XCap was given');
    return xcap;
  }

  async write(offset: number, text: string): Promise<void> {
    await this.tell(await objectsOf(this.#osd).write(this.#shown, 0, offset, Buffer.from(text)));
  }

  async read(length: number): Promise<string> {
    return (await objectsOf(this.#osd).read(this.#shown, 0, 0, length)).toString();
  }

  /** As the client does in the background and when the file is closed. */
  async tell(osdWriteResponse: OSDWriteResponse): Promise<void> {
    await this.#client.show(metadataCalls.updateFileSize, { xcap: this.xcap, osdWriteResponse });
  }

  /** The second and third step of a truncation. */
  async cut(size: bigint): Promise<void> {
    await this.tell(await objectsOf(this.#osd).truncate(this.#shown, size));
  }

  async ftruncate(size: bigint): Promise<void> {
    this.credentials = {
      ...this.credentials,
      xcap: await this.#client.show(metadataCalls.ftruncate, this.xcap),
    };
    await this.cut(size);
  }

  async close(): Promise<void> {
    const { response } = await this.#osd.call(objectCalls.finalizeVouchers, {
      fileCredentials: this.credentials,
      expireTimeMs: [],
    });
    await this.#client.show(metadataCalls.clearVouchers, {
      creds: this.credentials,
      osdFinalizeVouchersResponse: [response],
      expireTimeMs: [],
    });
  }
}
