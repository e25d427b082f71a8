import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Clock } from '@xtreemos/base';
import {
  type AddressMapping,
  AddressMappingSetSchema,
  type Configuration,
  ConfigurationSchema,
  RpcError,
  type Service,
  ServiceSchema,
  type ServiceType,
} from '@xtreemos/rpc';
import type { Store, StoreWriter } from '@xtreemos/store';
import { refusal } from '@xtreemos/xtreemfs';
import { EntryTable } from './entry-table.ts';

const maximumNameBytes = 512;
/** Set by tools that change an entry of a service which is not there to tell; never stored. */
const keepsLastUpdated = 'do_not_set_last_updated';

/**
 * What the DIR knows: services, their addresses, their configurations. Every change names the version that it replaces and is
 * refused when another came first; what it resolves to is on disk. A UUID belongs to the host that used it first: no other
 * changes what is known of it. Where no owner is given, everybody may.
 */
export class DirectoryEntries {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #services: EntryTable<typeof ServiceSchema>;
  readonly #addresses: EntryTable<typeof AddressMappingSetSchema>;
  readonly #configurations: EntryTable<typeof ConfigurationSchema>;
  readonly #ownerPrefix = Buffer.from('o', 'latin1');

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    this.#services = new EntryTable(store, 's', ServiceSchema);
    this.#addresses = new EntryTable(store, 'a', AddressMappingSetSchema);
    this.#configurations = new EntryTable(store, 'c', ConfigurationSchema);
  }

  /** @returns the new version. @throws RpcError EAGAIN when the version is not the present one */
  async register(service: Service, owner?: string): Promise<bigint> {
    const uuid = named('the UUID of a service', service.uuid);
    named('the name of a service', service.name);
    const data = service.data?.data ?? [];
    const isKept = data.some(({ key, value }) => key === keepsLastUpdated && value === 'true');
    return await this.#store.write((writer) => {
      this.#claim(writer, uuid, owner);
      const known = this.#services.get(uuid, writer);
      const version = next(known?.version, service.version);
      const lastUpdatedS = isKept ? (known?.lastUpdatedS ?? 0n) : this.nowS();
      const kept = data.filter(({ key }) => key !== keepsLastUpdated);
      const { type, name } = service;
      this.#services.put(writer, uuid, { type, uuid, name, version, lastUpdatedS, data: { data: kept } });
      return version;
    });
  }

  async deregister(uuid: string, owner?: string): Promise<void> {
    await this.#store.write((writer) => {
      this.#claim(writer, uuid, owner);
      this.#services.delete(writer, uuid);
    });
  }

  /** The service is not there now, and stays registered. */
  async setOffline(uuid: string, owner?: string): Promise<void> {
    await this.#store.write((writer) => {
      this.#claim(writer, uuid, owner);
      const known = this.#services.get(uuid, writer);
      if (known === undefined) return;
      this.#services.put(writer, uuid, { ...known, version: known.version + 1n, lastUpdatedS: 0n });
    });
  }

  service(uuid: string): readonly Service[] {
    const service = this.#services.get(uuid);
    return service === undefined ? [] : [service];
  }

  servicesOf(type: ServiceType): readonly Service[] {
    return [...this.#services.all()].filter((service) => service.type === type);
  }

  servicesNamed(name: string): readonly Service[] {
    return [...this.#services.all()].filter((service) => service.name === name);
  }

  addresses(uuid: string): readonly AddressMapping[] {
    return this.#addresses.get(uuid)?.mappings ?? [];
  }

  /** Replaces all addresses of a UUID. @returns the new version. @throws RpcError EAGAIN, EINVAL */
  async setAddresses(mappings: readonly AddressMapping[], owner?: string): Promise<bigint> {
    const [first] = mappings;
    if (first === undefined) throw refusal('EINVAL', 'an address is needed');
    const uuid = named('the UUID of an address', first.uuid);
    if (mappings.some((mapping) => mapping.uuid !== uuid))
      throw refusal('EINVAL', 'all addresses have to be of one UUID');
    return await this.#store.write((writer) => {
      this.#claim(writer, uuid, owner);
      const version = next(this.#addresses.get(uuid, writer)?.mappings[0]?.version, first.version);
      this.#addresses.put(writer, uuid, { mappings: mappings.map((mapping) => ({ ...mapping, version })) });
      return version;
    });
  }

  async removeAddresses(uuid: string, owner?: string): Promise<void> {
    await this.#store.write((writer) => {
      this.#claim(writer, uuid, owner);
      this.#addresses.delete(writer, uuid);
    });
  }

  configuration(uuid: string): MessageInitShape<typeof ConfigurationSchema> {
    return this.#configurations.get(uuid) ?? { uuid, parameter: [], version: 0n };
  }

  /** @returns the new version. @throws RpcError EAGAIN when the version is not the present one */
  async setConfiguration(configuration: Configuration, owner?: string): Promise<bigint> {
    const uuid = named('the UUID of a configuration', configuration.uuid);
    return await this.#store.write((writer) => {
      this.#claim(writer, uuid, owner);
      const version = next(this.#configurations.get(uuid, writer)?.version, configuration.version);
      this.#configurations.put(writer, uuid, { ...configuration, version });
      return version;
    });
  }

  /** Services by type, for the status line. */
  counts(): ReadonlyMap<ServiceType, number> {
    const counts = new Map<ServiceType, number>();
    for (const { type } of this.#services.all()) counts.set(type, (counts.get(type) ?? 0) + 1);
    return counts;
  }

  /** @throws RpcError 'user' when the UUID is another's */
  #claim(writer: StoreWriter, uuid: string, owner: string | undefined): void {
    if (owner === undefined) return;
    const key = Buffer.concat([this.#ownerPrefix, Buffer.from(uuid, 'utf8')]);
    const present = writer.get(key)?.toString('utf8');
    if (present === undefined) writer.put(key, Buffer.from(owner, 'utf8'));
    else if (present !== owner) throw new RpcError('user', `${uuid} belongs to another host`);
  }

  /** Seconds since 1970. */
  nowS(): bigint {
    return BigInt(Math.floor(this.#clock.nowMs() / 1000));
  }
}

function next(known: bigint | undefined, replaced: bigint): bigint {
  const present = known ?? 0n;
  if (replaced === present) return present + 1n;
  throw refusal('EAGAIN', `version ${replaced} was to be replaced, ${present} is there`);
}

function named(what: string, name: string): string {
  const bytes = Buffer.byteLength(name);
  if (bytes > 0 && bytes <= maximumNameBytes && !name.includes('\0')) return name;
  throw refusal('EINVAL', `${what} has 1 to ${maximumNameBytes} bytes`);
}
