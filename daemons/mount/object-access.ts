/** The calls of the OSDs on the objects of one file. */
import { crc32c } from '@xtreemos/native-sys';
import {
  type AllocateMode,
  type FileCredentials,
  type OSDWriteResponse,
  objectCalls,
  SeekTarget,
} from '@xtreemos/rpc';
import type { ObjectRange } from '@xtreemos/xtreemfs';
import { Failure } from './call-failure.ts';
import type { Capabilities } from './capabilities.ts';
import type { FileLayout } from './file-layout.ts';
import type { ReportedSize } from './file-size.ts';
import type { ObjectServers } from './object-servers.ts';

/** What an OSD says of a file after it wrote or synced. */
export interface WrittenAnswer extends ReportedSize {
  /** Another one when what it answered before, without a sync, may be lost; 0 from stock OSDs. */
  readonly serverStart: bigint;
}

export class ObjectAccess {
  readonly #layout: FileLayout;
  readonly #servers: ObjectServers;
  readonly #capabilities: Capabilities;

  constructor(layout: FileLayout, servers: ObjectServers, capabilities: Capabilities) {
    this.#layout = layout;
    this.#servers = servers;
    this.#capabilities = capabilities;
  }

  #uuidOf(osd: number): string {
    const uuid = this.#layout.osdUuids[osd];
    if (uuid === undefined) throw new Failure('EIO', 'the file has no such OSD');
    return uuid;
  }

  /** Fewer bytes than asked for where the object ends: what follows is zeros. @throws Failure EIO when they were damaged on the way */
  read({ object, osd, offset, length }: ObjectRange, signal?: AbortSignal): Promise<Buffer> {
    const { fileId } = this.#layout;
    return this.#capabilities.use('read', async (fileCredentials) => {
      const { response, data } = await this.#servers.call(
        this.#uuidOf(osd),
        objectCalls.read,
        { fileCredentials, fileId, objectNumber: BigInt(object), objectVersion: 0n, offset, length },
        signal === undefined ? {} : { signal },
      );
      // Stock OSDs send no checksum.
      if (Object.hasOwn(response, 'crc32c') && response.crc32c !== crc32c(data))
        throw new Failure('EIO', 'the data were damaged on the way');
      return Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.length);
    });
  }

  write(
    { object, osd, offset }: ObjectRange,
    data: Uint8Array,
    durable: boolean,
    signal?: AbortSignal,
  ): Promise<WrittenAnswer> {
    const { fileId } = this.#layout;
    const { areOurs } = this.#servers;
    const plain = { checksum: 0, invalidChecksumOnOsd: false, zeroPadding: 0 };
    const objectData = areOurs ? { ...plain, crc32c: crc32c(data) } : plain;
    return this.#capabilities.use('write', async (fileCredentials) => {
      const request = {
        fileCredentials,
        fileId,
        objectNumber: BigInt(object),
        objectVersion: 0n,
        offset,
        leaseTimeout: 0n,
        objectData,
        ...(areOurs ? { durable } : {}),
      };
      const { response } = await this.#servers.call(this.#uuidOf(osd), objectCalls.write, request, {
        data,
        ...(signal === undefined ? {} : { signal }),
      });
      return answerOf(response);
    });
  }

  /** @param fileCredentials of the truncation, by the MRC: they carry its epoch */
  async truncate(fileCredentials: FileCredentials, size: number): Promise<WrittenAnswer> {
    const { fileId } = this.#layout;
    const request = { fileCredentials, fileId, newFileSize: BigInt(size) };
    // One OSD has the others follow.
    const { response } = await this.#servers.call(this.#uuidOf(0), objectCalls.truncate, request);
    return answerOf(response);
  }

  /** Undefined of OSDs that are not ours: what they have they write to disk when they choose to. */
  async sync(osd: number, signal?: AbortSignal): Promise<WrittenAnswer | undefined> {
    if (!this.#servers.areOurs) return undefined;
    const { fileId } = this.#layout;
    return this.#capabilities.use('any', async (fileCredentials) => {
      const { response } = await this.#servers.call(
        this.#uuidOf(osd),
        objectCalls.sync,
        { fileCredentials, fileId },
        signal === undefined ? {} : { signal },
      );
      return answerOf(response);
    });
  }

  /** @throws Failure EOPNOTSUPP of OSDs that are not ours */
  async allocate({ object, osd, offset, length }: ObjectRange, mode: AllocateMode): Promise<void> {
    if (!this.#servers.areOurs) throw new Failure('EOPNOTSUPP', 'XtreemFS allocates nothing');
    const { fileId } = this.#layout;
    await this.#capabilities.use('write', (fileCredentials) =>
      this.#servers.call(this.#uuidOf(osd), objectCalls.allocate, {
        fileCredentials,
        fileId,
        objectNumber: BigInt(object),
        offset,
        length,
        mode,
      }),
    );
  }

  /** @returns the offset in the object, undefined when it has none; OSDs that are not ours know no holes */
  async seek(
    { object, osd, offset }: Pick<ObjectRange, 'object' | 'osd' | 'offset'>,
    target: SeekTarget,
  ): Promise<number | undefined> {
    if (!this.#servers.areOurs) return target === SeekTarget.DATA ? offset : undefined;
    const { fileId } = this.#layout;
    return this.#capabilities.use('read', async (fileCredentials) => {
      const request = { fileCredentials, fileId, objectNumber: BigInt(object), offset, target };
      const { response } = await this.#servers.call(this.#uuidOf(osd), objectCalls.seek, request);
      return response.offset;
    });
  }
}

function answerOf({
  sizeInBytes,
  truncateEpoch,
  serverStart,
}: Pick<OSDWriteResponse, 'sizeInBytes' | 'truncateEpoch' | 'serverStart'>): WrittenAnswer {
  return { size: Number(sizeInBytes), truncateEpoch, serverStart };
}
