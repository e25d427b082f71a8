import { createPublicKey, type KeyObject } from 'node:crypto';
import {
  type Capability,
  createCapabilityVerifier,
  deleteAccess,
  formatFileId,
  idOfFiles,
  idOfSpace,
  parseFileId,
  signCapability,
} from '@xtreemos/xtreemfs';
import { refusal } from './errno-error.ts';

export interface CapabilityRequest {
  readonly volumeId: string;
  readonly node: number;
  /** open(2): the lowest two bits. */
  readonly accessMode: number;
  readonly clientId: string;
  readonly truncateEpoch: number;
}

export interface CapabilityIssuerOptions {
  readonly key: KeyObject;
  readonly lifetimeS: number;
  /** Milliseconds since 1970 by the installation's clock. */
  readonly nowMs: () => number;
}

/** A capability as messages take it: without a field that may be missing. */
export type PlainCapability = Required<Capability>;

/** Signs what clients show to OSDs, and knows it again. */
export class CapabilityIssuer {
  readonly #options: CapabilityIssuerOptions;
  readonly #verifier;

  constructor(options: CapabilityIssuerOptions) {
    this.#options = options;
    const publicKey = createPublicKey(options.key);
    this.#verifier = createCapabilityVerifier(() => [publicKey]);
  }

  issue({ volumeId, node, accessMode, clientId, truncateEpoch }: CapabilityRequest): PlainCapability {
    const fileId = formatFileId({ volumeId, node: BigInt(node) });
    return this.#issue(fileId, { accessMode, clientId, truncateEpoch });
  }

  #issue(
    fileId: string,
    { accessMode, clientId, truncateEpoch }: Omit<CapabilityRequest, 'volumeId' | 'node'>,
  ): PlainCapability {
    const { key, lifetimeS, nowMs } = this.#options;
    const expireS = Math.floor(nowMs() / 1000) + lifetimeS;
    const unsigned = {
      accessMode,
      clientIdentity: clientId,
      expireTimeS: BigInt(expireS),
      expireTimeoutS: lifetimeS,
      fileId,
      replicateOnClose: false,
      serverSignature: '',
      truncateEpoch,
      snapConfig: 0,
      snapTimestamp: 0n,
      voucherSize: 0n,
      expireTimeMs: BigInt(expireS) * 1000n,
    };
    return { ...unsigned, serverSignature: signCapability(unsigned, key) };
  }

  /** For the MRC's own work on OSDs: as a client, and to have objects deleted. */
  issueOwn(fileId: string, truncateEpoch: number): PlainCapability {
    const parsed = parseFileId(fileId);
    if (parsed === undefined) throw new Error(`${fileId} is no file id`);
    return this.issue({
      volumeId: parsed.volumeId,
      node: Number(parsed.node),
      accessMode: 2 | deleteAccess,
      clientId: 'mrc',
      truncateEpoch,
    });
  }

  /** For OSDs to tell the space of a file; good for nothing else, at OSDs and here. */
  issueSpace({ volumeId, node, clientId }: Pick<CapabilityRequest, 'volumeId' | 'node' | 'clientId'>) {
    const fileId = formatFileId({ volumeId, node: BigInt(node) });
    return this.#issue(idOfSpace(fileId), { accessMode: 0, clientId, truncateEpoch: 0 });
  }

  /** To have the objects of many files deleted: one signature for all of them. */
  issueDeletion(fileIds: readonly string[]): PlainCapability {
    return this.#issue(idOfFiles(fileIds), { accessMode: deleteAccess, clientId: 'mrc', truncateEpoch: 0 });
  }

  /**
   * What a capability of ours says.
   * @param graceMs taken this long after its end
   * @throws ErrnoError EACCES when it is not ours, was altered or has expired
   */
  check(
    capability: Capability | undefined,
    graceMs = 0,
  ): { readonly volumeId: string; readonly node: number } {
    if (capability === undefined || !this.#isGenuine(capability))
      throw refusal('EACCES', 'the capability is none of this server');
    if (Number(capability.expireTimeS) * 1000 + graceMs < this.#options.nowMs())
      throw refusal('EACCES', 'the capability has expired');
    const parsed = parseFileId(capability.fileId);
    if (parsed === undefined || parsed.node > BigInt(Number.MAX_SAFE_INTEGER))
      throw refusal('EINVAL', 'the capability is for no file');
    return { volumeId: parsed.volumeId, node: Number(parsed.node) };
  }

  #isGenuine(capability: Capability): boolean {
    try {
      return this.#verifier.isGenuine(capability);
    } catch (error) {
      // Numbers that no capability of ours has.
      if (error instanceof RangeError) return false;
      throw error;
    }
  }
}

export interface IssuedCredentials {
  readonly xcap: PlainCapability;
  readonly xlocs: {
    readonly readOnlyFileSize: bigint;
    readonly replicas: {
      osdUuids: string[];
      replicationFlags: number;
      stripingPolicy: { type: number; stripeSize: number; width: number };
    }[];
    readonly replicaUpdatePolicy: string;
    readonly version: number;
  };
}

/** What clients show OSDs: the capability and where the objects are. */
export function credentialsOf(
  xcap: PlainCapability,
  { stripeBytes, osdUuids }: { readonly stripeBytes: number; readonly osdUuids: readonly string[] },
): IssuedCredentials {
  const stripingPolicy = { type: 0, stripeSize: stripeBytes / 1024, width: osdUuids.length };
  return {
    xcap,
    xlocs: {
      readOnlyFileSize: 0n,
      replicas: [{ osdUuids: [...osdUuids], replicationFlags: 0, stripingPolicy }],
      replicaUpdatePolicy: '',
      version: 0,
    },
  };
}
