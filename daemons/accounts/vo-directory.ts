import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, isXosError, writeFileAtomically, XosError } from '@xtreemos/base';
import { type JoinedVo, parseSshPublicKey, type SshPublicKey, type TrustStore } from '@xtreemos/identity';
import { VoClient } from '@xtreemos/vo-client';
import { type HostIdentity, hostRevision, readHostIdentity } from './host-identity.ts';

/** What xos-accounts asks of a VO service. */
export type VoService = Pick<
  VoClient,
  'events' | 'membership' | 'crls' | 'trust' | 'requestSessionCertificate' | 'renewHostCertificates' | 'close'
>;

export interface VoDirectoryOptions {
  readonly hostDirectory: string;
  readonly stateDirectory: string;
  readonly clock: Clock;
  readonly trust: () => TrustStore;
  /** Default: a `VoClient` over mutual TLS. */
  readonly connect?: (joined: JoinedVo, identity: HostIdentity) => VoService;
}

interface OpenClient {
  readonly client: VoService;
  readonly identity: HostIdentity;
}

/** The joined VOs, each with its service's client, this host's certificate in it and its SSH authorities. */
export class VoDirectory {
  readonly #options: VoDirectoryOptions;
  #joined = new Map<string, JoinedVo>();
  readonly #clients = new Map<string, OpenClient>();
  readonly #authorities = new Map<string, readonly SshPublicKey[]>();

  constructor(options: VoDirectoryOptions) {
    this.#options = options;
  }

  get joined(): readonly JoinedVo[] {
    return [...this.#joined.values()];
  }

  /** VO id to fingerprint of the only root that may speak for it. */
  get roots(): ReadonlyMap<string, string> {
    return new Map(this.joined.map(({ vo, caFingerprint }) => [vo, caFingerprint]));
  }

  set(joined: readonly JoinedVo[]): void {
    this.#joined = new Map(joined.map((vo) => [vo.vo, vo]));
    for (const vo of this.#clients.keys()) {
      if (!this.#joined.has(vo)) this.#drop(vo);
    }
  }

  /** By VO id or alias. */
  find(name: string): JoinedVo | undefined {
    return this.#joined.get(name) ?? this.joined.find(({ alias }) => alias === name);
  }

  /**
   * The client and identity with the host certificate as it is on the disk now.
   * @throws XosError XOS_VO_UNKNOWN, XOS_CREDENTIAL_UNREADABLE
   */
  service(vo: string): OpenClient {
    const { hostDirectory, clock, trust } = this.#options;
    const joined = this.#joined.get(vo);
    if (joined === undefined) throw new XosError('XOS_VO_UNKNOWN', { vo });
    const present = this.#clients.get(vo);
    if (present !== undefined && present.identity.revision === hostRevision(hostDirectory, vo))
      return present;
    const identity = readHostIdentity(hostDirectory, vo);
    this.#drop(vo);
    const client =
      this.#options.connect?.(joined, identity) ??
      new VoClient({
        url: joined.serviceUrl,
        trust: { kind: 'store', store: trust, rootFingerprint: joined.serviceCaFingerprint },
        credential: identity.credential,
        nowMs: () => clock.nowMs(),
      });
    const opened = { client, identity };
    this.#clients.set(vo, opened);
    return opened;
  }

  /** As `service`, undefined where this host has no usable certificate in the VO. */
  serviceIfAny(vo: string): OpenClient | undefined {
    try {
      return this.service(vo);
    } catch (error) {
      if (isXosError(error, 'XOS_VO_UNKNOWN') || isXosError(error, 'XOS_CREDENTIAL_UNREADABLE'))
        return undefined;
      throw error;
    }
  }

  /** The VO's SSH user certificate authorities, as last heard from its service. */
  sshAuthorities(vo: string): readonly SshPublicKey[] {
    let known = this.#authorities.get(vo);
    if (known === undefined) {
      known = readLines(this.#authorityFile(vo)).map(parseSshPublicKey);
      this.#authorities.set(vo, known);
    }
    return known;
  }

  /** Keeps the authorities that the VO's own service named, for when it is out of reach. */
  async setSshAuthorities(vo: string, lines: readonly string[]): Promise<void> {
    const keys = lines.map(parseSshPublicKey);
    const file = this.#authorityFile(vo);
    const content = lines.map((line) => `${line.trim()}\n`).join('');
    if (readLines(file).join('\n') !== lines.map((line) => line.trim()).join('\n')) {
      mkdirSync(join(this.#options.stateDirectory, 'vo', vo), { recursive: true, mode: 0o700 });
      await writeFileAtomically(file, content);
    }
    this.#authorities.set(vo, keys);
  }

  close(): void {
    for (const vo of [...this.#clients.keys()]) this.#drop(vo);
  }

  #authorityFile(vo: string): string {
    return join(this.#options.stateDirectory, 'vo', vo, 'ssh-user-ca.pub');
  }

  #drop(vo: string): void {
    this.#clients.get(vo)?.client.close();
    this.#clients.delete(vo);
  }
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
