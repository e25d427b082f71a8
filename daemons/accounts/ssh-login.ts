import { type Clock, type Logger, reasonOf, XosError } from '@xtreemos/base';
import {
  parseSshCertificate,
  type SshCertificate,
  type SshPublicKey,
  verifySshUserCertificate,
} from '@xtreemos/identity';
import type { AccountAccess, KnownAccount } from './account-access.ts';
import { events } from './account-events.ts';
import type { AccountStore } from './account-store.ts';
import type { LoginConversation, VoNode } from './login-conversation.ts';
import type { SessionProof } from './login-handle.ts';

export interface SshLoginOptions {
  readonly store: AccountStore;
  readonly access: AccountAccess;
  readonly conversation: LoginConversation;
  readonly authorities: (vo: string) => readonly SshPublicKey[];
  readonly node: (vo: string) => VoNode | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface PrincipalsRequest {
  readonly user: string;
  /** Decimal. */
  readonly serial: string;
  readonly caFingerprint: string;
  /** Base64 of the certificate's blob. */
  readonly certificate: string;
}

/** Logins by a VO's SSH certificate: sshd proves possession of the key, this decides whose it is. */
export class SshLogin {
  readonly #options: SshLoginOptions;

  constructor(options: SshLoginOptions) {
    this.#options = options;
  }

  /** The global user id when the certificate may log in under that name; nothing otherwise, and the reason is logged. */
  principals(request: PrincipalsRequest): readonly string[] {
    const { access, logger } = this.#options;
    const account = access.find(request.user);
    try {
      if (account === undefined) throw new Error(access.whyUnknown(request.user) ?? 'no such member');
      const certificate = parseSshCertificate(Buffer.from(request.certificate, 'base64'));
      if (
        String(certificate.serial) !== request.serial ||
        certificate.authority.fingerprint !== request.caFingerprint
      ) {
        throw new Error('serial or authority are not those of the certificate');
      }
      this.#verify(account, certificate);
      access.check(account, 'login', { service: 'sshd', tty: '', remoteHost: '' });
      return [globalUserId(account)];
    } catch (error) {
      logger.notice(events.loginRefused, `SSH certificate refused for ${request.user}: ${reasonOf(error)}`, {
        loginName: request.user,
        service: 'sshd',
      });
      return [];
    }
  }

  /**
   * Has the CDA issue a session certificate against the SSH certificate that sshd says logged in. Undefined when no
   * certificate of ours did; without credential when the VO service is out of reach.
   * @throws XosError when the certificate is not this account's
   */
  async proof(account: KnownAccount, sshAuthInfo: string): Promise<SessionProof | undefined> {
    const { conversation, node, logger } = this.#options;
    const line = certificateLine(sshAuthInfo);
    if (line === undefined) return undefined;
    const certificate = parseSshCertificate(line);
    this.#verify(account, certificate);
    // Noted whether or not a credential comes of it: the certificate's revocation ends the session.
    const sshSerial = String(certificate.serial);
    const target = node(account.assignment.vo);
    if (target === undefined) return { sshSerial };
    try {
      return {
        sshSerial,
        credential: await conversation.issueSession(account, target, { sshCertificate: line }),
      };
    } catch (error) {
      const { login } = account.assignment;
      logger.warning(
        events.sessionProblem,
        `${login}: session opens without a credential: ${reasonOf(error)}`,
        {
          loginName: login,
          error: error instanceof Error ? error : null,
        },
      );
      return { sshSerial };
    }
  }

  #verify(account: KnownAccount, certificate: SshCertificate): void {
    const { store, authorities, clock } = this.#options;
    const { vo } = account.assignment;
    verifySshUserCertificate(certificate, {
      authorities: authorities(vo),
      principal: globalUserId(account),
      now: new Date(clock.nowMs()),
      // sshd enforces them; what they allow is not for this decision.
      understood: [...certificate.criticalOptions.keys()],
    });
    if (store.isSshCertificateRevoked(vo, String(certificate.serial))) {
      throw new XosError('XOS_ACCOUNT_REFUSED', {
        user: account.assignment.login,
        attempt: 'log in',
        reason: `SSH certificate ${certificate.serial} is revoked`,
      });
    }
  }
}

function globalUserId({ assignment }: KnownAccount): string {
  return `${assignment.user}@${assignment.vo}`;
}

/** sshd writes one line per method: `publickey ssh-ed25519-cert-v01@openssh.com AAAA...` (sshd_config(5), ExposeAuthInfo). */
function certificateLine(sshAuthInfo: string): string | undefined {
  for (const line of sshAuthInfo.split('\n')) {
    const [method, type, blob] = line.trim().split(/\s+/);
    if (method === 'publickey' && type?.endsWith('-cert-v01@openssh.com') === true && blob !== undefined) {
      return `${type} ${blob}`;
    }
  }
  return undefined;
}
