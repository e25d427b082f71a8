/** The daemon as a process, in plain text on loopback, and what a client and an MRC do. For tests. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { objectCalls, type RpcConnection } from '@xtreemos/rpc';
import { type Capability, signCapability } from '@xtreemos/xtreemfs';
import { type Cleanup, ServerProcess, testAddress } from '../../packages/xtreemfs/server-process-fixture.ts';

export const mrcKeys = generateKeyPairSync('ed25519');

export function startObjectsProcess(
  context: Cleanup,
  options: {
    readonly uuid?: string;
    readonly directoryPort?: number;
    readonly settings?: readonly string[];
  } = {},
): Promise<ServerProcess> {
  const { uuid = 'osd-1', directoryPort = 1, settings = [] } = options;
  return ServerProcess.start(context, join(import.meta.dirname, 'main.ts'), (folder, port) => {
    const keyFile = join(folder, 'mrc.pem');
    writeFileSync(keyFile, mrcKeys.publicKey.export({ type: 'spki', format: 'pem' }));
    return [
      '[Objects]',
      `Listen=${testAddress()}:${port}`,
      `StateDirectory=${folder}`,
      `Uuid=${uuid}`,
      '[Directory]',
      `Address=${testAddress()}`,
      `Port=${directoryPort}`,
      `AdvertisedAddress=${testAddress()}`,
      'Heartbeat=1s',
      '[Security]',
      'AllowPlainText=yes',
      `MrcKeys=${keyFile}`,
      '[Storage]',
      'Reserve=1MiB',
      'LogSegment=8MiB',
      ...settings,
    ];
  });
}

export interface CredentialOptions {
  readonly fileId: string;
  readonly osdUuids?: readonly string[];
  readonly stripeKb?: number;
  readonly key?: KeyObject;
  readonly xcap?: Partial<Capability>;
}

/** As an MRC makes them at open. */
export function credentials({
  fileId,
  osdUuids = ['osd-1'],
  stripeKb = 128,
  key,
  xcap = {},
}: CredentialOptions) {
  const unsigned = {
    accessMode: 2,
    clientIdentity: 'client-1',
    expireTimeS: BigInt(Math.floor(Date.now() / 1000) + 300),
    expireTimeoutS: 300,
    fileId,
    replicateOnClose: false,
    serverSignature: '',
    truncateEpoch: 0,
    snapConfig: 0,
    snapTimestamp: 0n,
    ...xcap,
  };
  const serverSignature = signCapability(unsigned, key ?? mrcKeys.privateKey);
  const stripingPolicy = { type: 0, stripeSize: stripeKb, width: osdUuids.length };
  const replica = { osdUuids: [...osdUuids], replicationFlags: 0, stripingPolicy };
  return {
    xcap: { ...unsigned, serverSignature },
    xlocs: { readOnlyFileSize: 0n, replicas: [replica], replicaUpdatePolicy: '', version: 0 },
  };
}

export type Credentials = ReturnType<typeof credentials>;

const noChecksum = { checksum: 0, invalidChecksumOnOsd: false, zeroPadding: 0 };

/** The calls of a client on one object. */
export function objectsOf(connection: RpcConnection) {
  return {
    async write(
      fileCredentials: Credentials,
      objectNumber: number | bigint,
      offset: number,
      data: Uint8Array,
      options: { readonly durable?: boolean; readonly crc32c?: number } = {},
    ) {
      const { durable = false, crc32c } = options;
      const objectData = crc32c === undefined ? noChecksum : { ...noChecksum, crc32c };
      const { response } = await connection.call(
        objectCalls.write,
        {
          fileCredentials,
          fileId: fileCredentials.xcap.fileId,
          objectNumber: BigInt(objectNumber),
          objectVersion: 0n,
          offset,
          leaseTimeout: 0n,
          objectData,
          durable,
        },
        { data },
      );
      return response;
    },
    /** With the zeros that the answer asks for. */
    async read(fileCredentials: Credentials, objectNumber: number | bigint, offset: number, length: number) {
      const { response, data } = await connection.call(objectCalls.read, {
        fileCredentials,
        fileId: fileCredentials.xcap.fileId,
        objectNumber: BigInt(objectNumber),
        objectVersion: 0n,
        offset,
        length,
      });
      return Buffer.concat([data, Buffer.alloc(response.zeroPadding)]);
    },
    async truncate(fileCredentials: Credentials, newFileSize: bigint) {
      const { fileId } = fileCredentials.xcap;
      return (await connection.call(objectCalls.truncate, { fileCredentials, fileId, newFileSize })).response;
    },
    async sync(fileCredentials: Credentials) {
      const { fileId } = fileCredentials.xcap;
      return (await connection.call(objectCalls.sync, { fileCredentials, fileId })).response;
    },
    async unlink(fileCredentials: Credentials) {
      const { fileId } = fileCredentials.xcap;
      await connection.call(objectCalls.unlink, { fileCredentials, fileId });
    },
  };
}
