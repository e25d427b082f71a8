import type { KeyObject } from 'node:crypto';
import type { Certificate } from './certificate.ts';
import type { Credential } from './credential.ts';
import { unbuilt } from './unbuilt.ts';
import type { HostBinding } from './xos-extension.ts';

export interface ProxyOptions {
  /** Default: the clock. */
  readonly now?: Date;
  /** Capped by the credential's own notAfter. */
  readonly lifetimeSeconds: number;
  /** A limited proxy cannot start programs; below a limited one every proxy is limited. Default false. */
  readonly limited?: boolean;
  /** Proxies allowed below this one; undefined: no limit of its own. */
  readonly pathLength?: number;
  /** Session proxy: good only on this host. */
  readonly host?: HostBinding;
}

/**
 * Signs an RFC 3820 proxy for `publicKey` with the credential's key. The proxy's chain is
 * `[credential.certificate, ...credential.chain]`. Errors: XOS_IDENTITY_PROXY_REFUSED (a CA's credential, path length used up,
 * full from limited, another host than the credential is bound to).
 */
export function makeProxy(credential: Credential, publicKey: KeyObject, options: ProxyOptions): Certificate {
  return unbuilt(`makeProxy ${credential.certificate.serial} ${publicKey.type} ${options.lifetimeSeconds}`);
}
