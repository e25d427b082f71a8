import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { reasonOf, XosError } from '@xtreemos/base';
import {
  type CheckVolumeResponse,
  type CheckVolumeResponse_Finding,
  metadataCalls,
  nodeCalls,
  type RepairVolumeResponse,
  RpcConnection,
  type Volume,
} from '@xtreemos/rpc';
import type { HostPaths } from '../host-paths.ts';

const timeoutMs = 30_000;
/** It may wait for OSDs that do not answer. */
const checkTimeoutMs = 120_000;
/** It may count all files. */
const repairTimeoutMs = 3_600_000;

/** What a volume is made with; sizes in bytes, 0 is no limit. */
export interface NewVolume {
  readonly name: string;
  readonly owner: string;
  readonly group: string;
  /** Permissions of the root directory. */
  readonly mode: number;
  readonly stripeBytes: number;
  /** OSDs that a file is striped over. */
  readonly width: number;
  readonly quotaBytes: number;
  readonly settings: Readonly<Record<string, string>>;
}

/** What is there is changed; an empty setting is taken back. */
export interface VolumeChange {
  readonly striping?: { readonly stripeBytes: number; readonly width: number };
  readonly quotaBytes?: number;
  readonly settings: Readonly<Record<string, string>>;
}

export interface VolumeDescription extends NewVolume {
  readonly id: string;
}

/** The MRC of this host, by the socket of its local administrator. */
export class VolumeAdministration {
  readonly #path: string;
  readonly #connection: RpcConnection;

  private constructor(path: string, connection: RpcConnection) {
    this.#path = path;
    this.#connection = connection;
  }

  /** @throws XosError XOS_REMOTE where no MRC answers, or root is needed */
  static async open({ metadataAdminSocket: path }: HostPaths): Promise<VolumeAdministration> {
    const socket = connect(path);
    try {
      await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const reason =
        code === 'EACCES'
          ? 'only root may ask it'
          : code === 'ENOENT' && !existsSync(path)
            ? `there is no ${path}: volumes are administered on the host of their MRC (systemctl status xos-mrc)`
            : reasonOf(error);
      throw new XosError('XOS_REMOTE', { peer: 'The MRC of this host', attempt: 'be reached', reason });
    }
    return new VolumeAdministration(path, new RpcConnection(socket));
  }

  close(): void {
    this.#connection.close();
  }

  /** @throws XosError XOS_REMOTE with the MRC's reason */
  async create(volume: NewVolume): Promise<void> {
    const { name, owner, group, mode, stripeBytes, width, quotaBytes, settings } = volume;
    await this.#asked(`create the volume ${name}`, () =>
      this.#connection.call(
        metadataCalls.mkvol,
        {
          accessControlPolicy: 2,
          defaultStripingPolicy: { type: 0, stripeSize: stripeBytes / 1024, width },
          id: '',
          mode,
          name,
          ownerUserId: owner,
          ownerGroupId: group,
          attrs: Object.entries(settings).map(([key, value]) => ({ key, value })),
          quota: BigInt(quotaBytes),
        },
        { timeoutMs },
      ),
    );
  }

  /** @throws XosError XOS_REMOTE with the MRC's reason */
  async change(name: string, { striping, quotaBytes, settings }: VolumeChange): Promise<void> {
    await this.#asked(`change the volume ${name}`, () =>
      this.#connection.call(
        nodeCalls.changeVolume,
        {
          volumeName: name,
          ...(striping === undefined
            ? {}
            : { striping: { type: 0, stripeSize: striping.stripeBytes / 1024, width: striping.width } }),
          ...(quotaBytes === undefined ? {} : { quota: BigInt(quotaBytes) }),
          settings: Object.entries(settings).map(([key, value]) => ({ key, value })),
        },
        { timeoutMs },
      ),
    );
  }

  async remove(name: string): Promise<void> {
    await this.#asked(`remove the volume ${name}`, () =>
      this.#connection.call(metadataCalls.rmvol, { volumeName: name }, { timeoutMs }),
    );
  }

  async list(): Promise<readonly VolumeDescription[]> {
    const { response } = await this.#asked('list its volumes', () =>
      this.#connection.call(metadataCalls.lsvol, {}, { timeoutMs }),
    );
    return response.volumes.map(description).toSorted((one, other) => (one.name < other.name ? -1 : 1));
  }

  /** @throws XosError XOS_USAGE where there is none of that name */
  async find(name: string): Promise<VolumeDescription> {
    const volumes = await this.list();
    const found = volumes.find((volume) => volume.name === name);
    if (found !== undefined) return found;
    const names = volumes.map((volume) => volume.name).join(', ');
    throw new XosError('XOS_USAGE', {
      reason: `there is no volume ${name} at ${this.#path}${names === '' ? '' : `; there are ${names}`}`,
      help: '`xos volume list`',
    });
  }

  /** Goes on with a check of a volume for about half a second; one begins without `check`. @throws XosError XOS_REMOTE with the MRC's reason */
  async check(
    name: string,
    request: { readonly check?: bigint; readonly content: boolean; readonly after: number },
  ): Promise<CheckVolumeResponse> {
    const { check = 0n, content, after } = request;
    const { response } = await this.#asked(`check the volume ${name}`, () =>
      this.#connection.call(
        nodeCalls.checkVolume,
        { volumeName: name, check, content, after },
        { timeoutMs: checkTimeoutMs },
      ),
    );
    return response;
  }

  /** One finding of a check. @throws XosError XOS_REMOTE with the MRC's reason */
  async repair(
    name: string,
    finding: CheckVolumeResponse_Finding,
    { dryRun, deleteOrphans }: { readonly dryRun: boolean; readonly deleteOrphans: boolean },
  ): Promise<RepairVolumeResponse> {
    const request = { volumeName: name, finding, dryRun, deleteOrphans };
    const { response } = await this.#asked(`repair the volume ${name}`, () =>
      this.#connection.call(nodeCalls.repairVolume, request, { timeoutMs: repairTimeoutMs }),
    );
    return response;
  }

  async #asked<T>(attempt: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (cause) {
      throw new XosError(
        'XOS_REMOTE',
        { peer: 'The MRC of this host', attempt, reason: reasonOf(cause) },
        { cause },
      );
    }
  }
}

function description(volume: Volume): VolumeDescription {
  const { id, name, ownerUserId: owner, ownerGroupId: group, mode, defaultStripingPolicy } = volume;
  return {
    id,
    name,
    owner,
    group,
    mode,
    stripeBytes: (defaultStripingPolicy?.stripeSize ?? 0) * 1024,
    width: defaultStripingPolicy?.width ?? 1,
    quotaBytes: Number(volume.quota ?? 0n),
    settings: Object.fromEntries(volume.attrs.map(({ key, value }) => [key, value])),
  };
}
