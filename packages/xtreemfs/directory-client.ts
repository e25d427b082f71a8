import { directoryCalls, type RpcConnection, RpcError, ServiceType } from '@xtreemos/rpc';
import type { Directory, ServiceAddress } from './heartbeat.ts';

/** Gives a connection to the DIR that is usable now. */
export type ConnectDirectory = () => Promise<RpcConnection>;

/** A service as the DIR lists it. */
export interface ListedService {
  readonly uuid: string;
  readonly name: string;
  readonly data: Readonly<Record<string, string>>;
  /** Seconds since 1970 by the DIR's clock; 0 when it said that it is gone. */
  readonly lastUpdatedS: number;
}

/** What servers ask the DIR beside registering. */
export interface DirectoryClient extends Directory {
  timeMs(): Promise<number>;
  /** The DIR forgets a service. */
  deregisterService(uuid: string): Promise<void>;
  /** Where a service can be reached; an empty list when the DIR does not know it. */
  addressesOf(uuid: string): Promise<readonly ServiceAddress[]>;
  servicesOf(type: keyof typeof types): Promise<readonly ListedService[]>;
}

const types = {
  mrc: ServiceType.MRC,
  osd: ServiceType.OSD,
  volume: ServiceType.VOLUME,
} as const;

/** How long others may keep an address. */
const addressTtlSeconds = 3600;
const timeoutMs = 10_000;

export function createDirectoryClient(connect: ConnectDirectory): DirectoryClient {
  const mappingsOf = async (uuid: string) => {
    const connection = await connect();
    return (await connection.call(directoryCalls.addressMappingsGet, { uuid }, { timeoutMs })).response
      .mappings;
  };
  return {
    async getService(uuid) {
      const connection = await connect();
      const { response } = await connection.call(
        directoryCalls.serviceGetByUuid,
        { name: uuid },
        { timeoutMs },
      );
      return response.services.find((service) => service.uuid === uuid);
    },
    async registerService({ type, uuid, name, data }, version) {
      const connection = await connect();
      const pairs = Object.entries(data).map(([key, value]) => ({ key, value }));
      const service = { type: types[type], uuid, name, version, lastUpdatedS: 0n, data: { data: pairs } };
      const { response } = await connection.call(directoryCalls.serviceRegister, { service }, { timeoutMs });
      return response.newVersion;
    },
    async getAddressVersion(uuid) {
      return (await mappingsOf(uuid))[0]?.version ?? 0n;
    },
    async setAddresses(uuid, addresses, version) {
      const connection = await connect();
      const mappings = addresses.map(({ protocol, address, port }) => ({
        uuid,
        version,
        protocol,
        address,
        port,
        matchNetwork: '*',
        ttlS: addressTtlSeconds,
        uri: `${protocol}://${address}:${port}`,
      }));
      await connection.call(directoryCalls.addressMappingsSet, { mappings }, { timeoutMs });
    },
    async setOffline(uuid) {
      const connection = await connect();
      await connection.call(directoryCalls.serviceOffline, { name: uuid }, { timeoutMs });
    },
    async deregisterService(uuid) {
      const connection = await connect();
      await connection.call(directoryCalls.serviceDeregister, { uuid }, { timeoutMs });
    },
    async timeMs() {
      const connection = await connect();
      const { response } = await connection.call(directoryCalls.globalTimeGet, {}, { timeoutMs });
      return Number(response.timeInSeconds) * 1000;
    },
    async addressesOf(uuid) {
      const mappings = await mappingsOf(uuid);
      // XtreemFS's OSDs have one for datagrams as well.
      const usable = mappings.flatMap(({ protocol, address, port }): readonly ServiceAddress[] =>
        protocol === 'pbrpc' || protocol === 'pbrpcs' ? [{ protocol, address, port }] : [],
      );
      const [other] = mappings;
      if (other !== undefined && usable.length === 0)
        throw new RpcError(
          'other',
          `${uuid} is registered with protocol ${other.protocol}, which is none of ours`,
        );
      return usable;
    },
    async servicesOf(type) {
      const connection = await connect();
      const request = { type: types[type] };
      const { response } = await connection.call(directoryCalls.serviceGetByType, request, { timeoutMs });
      return response.services.map(({ uuid, name, lastUpdatedS, data }) => ({
        uuid,
        name,
        lastUpdatedS: Number(lastUpdatedS),
        data: Object.fromEntries((data?.data ?? []).map(({ key, value }) => [key, value])),
      }));
    },
  };
}
