import { createPublicKey, type KeyObject, pbkdf2 } from 'node:crypto';
import { closeSync, fstatSync, readSync } from 'node:fs';
import { promisify } from 'node:util';
import { type Clock, isXosError, type Logger, type RateLimit, reasonOf, XosError } from '@xtreemos/base';
import type { Helper } from '@xtreemos/helper-client';
import {
  type ChallengeStore,
  type Credential,
  certificatePem,
  certificateRequestPem,
  generateKey,
  type HostBinding,
  makeCertificateRequest,
  makeProxy,
  outlineCredential,
  parseCertificateChain,
  plainPrivateKeyPem,
  readCredential,
  signChallenge,
  type TrustStore,
  type ValidatedUser,
  validatePath,
  verifyChallenge,
} from '@xtreemos/identity';
import type { VoClient } from '@xtreemos/vo-client';
import type { AccessContext, AccountAccess, KnownAccount } from './account-access.ts';
import { events } from './account-events.ts';
import type { LoginHandles, SessionCredential } from './login-handle.ts';

/** How the person answers; the module relays. Resolves with bytes as typed, which the asker wipes. */
export interface Dialogue {
  ask(prompt: string, echo: boolean): Promise<Buffer>;
  tell(text: string): Promise<void>;
}

/** This host in one VO, as its accounts certificate says. */
export interface VoNode {
  readonly client: Pick<VoClient, 'requestSessionCertificate'>;
  readonly host: HostBinding;
}

export interface LoginConversationOptions {
  readonly access: AccountAccess;
  readonly handles: LoginHandles;
  readonly challenges: ChallengeStore;
  readonly helper: Helper;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly trust: () => TrustStore;
  /** VO id to fingerprint of the root that may speak for it. */
  readonly voRoots: () => ReadonlyMap<string, string>;
  readonly node: (vo: string) => VoNode | undefined;
  readonly credentialTimeMs: () => number;
  readonly allowPlainKeys: () => boolean;
  /** Attempts per login name. */
  readonly attempts: RateLimit;
}

/** How often a name that fits several files may be answered again. */
const NAME_ATTEMPTS = 3;
const MAXIMUM_CREDENTIAL_BYTES = 1024 * 1024;
const deriveKey = promisify(pbkdf2);

/**
 * The console's conversation: which certificate, its passphrase, proof that its key is at hand, and whose it is. What the
 * person is told of a failure before the proof is the same whatever failed; the log has the reason.
 */
export class LoginConversation {
  readonly #options: LoginConversationOptions;

  constructor(options: LoginConversationOptions) {
    this.#options = options;
  }

  /**
   * @returns the single-use handle that opens the session
   * @throws XosError with what the person may be told
   */
  async authenticate(login: string, context: AccessContext, dialogue: Dialogue): Promise<string> {
    const { access, handles, attempts, logger } = this.#options;
    const waitMs = attempts.take(login);
    if (waitMs > 0) {
      throw new XosError('XOS_RATE_LIMITED', {
        attempt: 'log in',
        who: login,
        retryAfterSeconds: Math.ceil(waitMs / 1000),
      });
    }
    const account = access.find(login);
    try {
      const credential = await this.#prove(account, login, dialogue);
      // #prove never returns for an unknown account.
      if (account === undefined) throw new XosError('XOS_AUTHENTICATION_FAILED', { who: login });
      access.check(account, 'login', context);
      attempts.reset(login);
      logger.info(events.login, `${login} proved who they are`, {
        loginName: login,
        service: context.service,
        tty: context.tty,
        remoteHost: context.remoteHost,
      });
      return handles.issue({ login, guid: account.member.guid, credential });
    } catch (error) {
      const why = account === undefined ? (access.whyUnknown(login) ?? 'no such member') : reasonOf(error);
      logger.notice(events.loginRefused, `${login} refused: ${why}`, {
        loginName: login,
        service: context.service,
        tty: context.tty,
        remoteHost: context.remoteHost,
      });
      throw error;
    }
  }

  async #prove(
    account: KnownAccount | undefined,
    login: string,
    dialogue: Dialogue,
  ): Promise<SessionCredential> {
    const chosen = await this.#chooseCredential(dialogue);
    if (chosen === 'password') return this.#proveByPassword(account, login, dialogue);
    const isPlain = Buffer.isBuffer(chosen) && isPlainCredential(chosen);
    if (isPlain && !this.#options.allowPlainKeys()) {
      throw new XosError('XOS_CREDENTIAL_UNREADABLE', {
        name: 'file',
        reason: 'its key has no passphrase, which this site does not accept (AllowPlainKeys=)',
      });
    }
    // Asked also where no such file was found: who stands at the console does not learn which files exist.
    const passphrase = isPlain ? undefined : await dialogue.ask('Passphrase: ', false);
    let credential: Credential;
    try {
      if (!Buffer.isBuffer(chosen)) throw chosen.error;
      credential = await readCredential(chosen, passphrase);
    } finally {
      passphrase?.fill(0);
      if (Buffer.isBuffer(chosen)) chosen.fill(0);
    }
    return this.#proveByKey(account, login, credential);
  }

  /** Bytes of the credential file, why it could not be had, or `password`. */
  async #chooseCredential(dialogue: Dialogue): Promise<Buffer | { readonly error: unknown } | 'password'> {
    const { helper } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const name = (await dialogue.ask('Certificate: ', true)).toString('utf8').trim();
      if (name === 'password') return 'password';
      try {
        return readWhole(await helper.openCredentialFile(name === '' ? await this.#onlyCredential() : name));
      } catch (error) {
        if (attempt >= NAME_ATTEMPTS || !isXosError(error, 'XOS_CREDENTIAL_AMBIGUOUS')) return { error };
        await dialogue.tell(error.message);
      }
    }
  }

  async #onlyCredential(): Promise<string> {
    const { files } = await this.#options.helper.listCredentialFiles();
    const [only, ...others] = files;
    if (only === undefined) {
      throw new XosError('XOS_CREDENTIAL_MISSING', {
        who: 'this login',
        where: 'the credential directories of this host',
      });
    }
    if (others.length > 0) {
      throw new XosError('XOS_CREDENTIAL_AMBIGUOUS', {
        who: 'this login',
        choices: files
          .slice(0, 16)
          .map(({ name }) => name)
          .join(', '),
      });
    }
    return only.name;
  }

  async #proveByKey(
    account: KnownAccount | undefined,
    login: string,
    credential: Credential,
  ): Promise<SessionCredential> {
    const { challenges, clock, trust, voRoots, node, credentialTimeMs } = this.#options;
    const now = new Date(clock.nowMs());
    const vo = account?.assignment.vo;
    const host = vo === undefined ? undefined : node(vo)?.host;
    const audience = host?.hostname ?? 'login';
    const challenge = challenges.issue({ purpose: 'login', audience });
    const signature = signChallenge(challenge, credential.key, { purpose: 'login', audience });
    if (!challenges.consume(challenge))
      throw new XosError('XOS_CHALLENGE_INVALID', { reason: 'it was used already' });
    verifyChallenge(challenge, signature, credential.certificate.publicKey, {
      purpose: 'login',
      audience,
      now,
    });
    const validated = validatePath([credential.certificate, ...credential.chain], {
      store: trust(),
      now,
      voRoots: voRoots(),
      allowProxies: false,
    });
    if (validated.user === undefined) {
      throw new XosError('XOS_CREDENTIAL_KIND', { actual: 'host', wanted: 'user' });
    }
    if (account === undefined) throw new XosError('XOS_AUTHENTICATION_FAILED', { who: login });
    const fqans = ownFqans(validated.user, account);
    if (host === undefined) throw noNode(account.assignment.vo);
    const key = await generateKey();
    const proxy = makeProxy(credential, createPublicKey(key), {
      now,
      lifetimeSeconds: Math.floor(credentialTimeMs() / 1000),
      host,
    });
    const above = certificatePem(credential.certificate, ...credential.chain);
    return {
      pem: certificatePem(proxy) + plainPrivateKeyPem(key) + above,
      expiresAtMs: proxy.notAfter.getTime(),
      chain: above,
      fqans,
    };
  }

  async #proveByPassword(
    account: KnownAccount | undefined,
    login: string,
    dialogue: Dialogue,
  ): Promise<SessionCredential> {
    const password = await dialogue.ask('VO password: ', false);
    try {
      const target = account && this.#options.node(account.assignment.vo);
      if (account === undefined) {
        // About the time that a VO service takes over a wrong password.
        await deriveKey(password, login, 200_000, 32, 'sha256');
        throw new XosError('XOS_AUTHENTICATION_FAILED', { who: login });
      }
      if (target === undefined) throw noNode(account.assignment.vo);
      return await this.issueSession(account, target, {
        user: account.assignment.user,
        password: password.toString('utf8'),
      });
    } finally {
      password.fill(0);
    }
  }

  /**
   * Has the CDA issue a session certificate for a key made here, against the proof given, and judges what comes back.
   * @throws XosError of the VO service, or of the judgement
   */
  async issueSession(
    account: KnownAccount,
    target: VoNode,
    proof: { readonly user: string; readonly password: string } | { readonly sshCertificate: string },
  ): Promise<SessionCredential> {
    const { clock, trust, voRoots, credentialTimeMs } = this.#options;
    const { vo, user } = account.assignment;
    const key: KeyObject = await generateKey();
    const csr = certificateRequestPem(makeCertificateRequest({ key, commonName: user }));
    const lifetimeSeconds = Math.floor(credentialTimeMs() / 1000);
    const issued = await target.client.requestSessionCertificate(vo, { csr, lifetimeSeconds, ...proof });
    const chain = issued.certificate + issued.chain;
    const validated = validatePath(parseCertificateChain(chain), {
      store: trust(),
      now: new Date(clock.nowMs()),
      voRoots: voRoots(),
      presentedBy: target.host.hostGuid,
      allowProxies: false,
    });
    if (validated.user === undefined || !validated.leaf.publicKey.equals(createPublicKey(key))) {
      throw new XosError('XOS_CREDENTIAL_NO_KEY', { name: `session certificate of ${user}@${vo}` });
    }
    const fqans = ownFqans(validated.user, account);
    return {
      pem: issued.certificate + plainPrivateKeyPem(key) + issued.chain,
      expiresAtMs: validated.notAfter.getTime(),
      chain,
      fqans,
    };
  }
}

/**
 * FQANs that a certificate asserts in the account's VO, once it is the account's own.
 * @throws XosError XOS_VO_WRONG or XOS_CREDENTIAL_IDENTITY
 */
function ownFqans(user: ValidatedUser, { assignment, member }: KnownAccount): readonly string[] {
  const membership = user.memberships.find(({ vo }) => vo === assignment.vo);
  if (membership === undefined)
    throw new XosError('XOS_VO_WRONG', { actual: user.vo, wanted: assignment.vo });
  if (user.user !== assignment.user || user.guid !== member.guid) {
    throw new XosError('XOS_CREDENTIAL_IDENTITY', {
      actual: `${user.user}@${user.vo}`,
      wanted: `${assignment.user}@${assignment.vo}`,
    });
  }
  const others = membership.fqans.filter((fqan) => fqan !== membership.primaryFqan);
  return [membership.primaryFqan, ...others];
}

function noNode(vo: string): XosError {
  return new XosError('XOS_CREDENTIAL_MISSING', {
    who: 'this host',
    where: `the host certificates of VO ${vo}`,
  });
}

/** What is no credential at all is asked for its passphrase like one; reading it then says why it is none. */
function isPlainCredential(bytes: Buffer): boolean {
  try {
    return !outlineCredential(bytes).encrypted;
  } catch {
    return false;
  }
}

/** Reads and closes the helper's private copy, which nobody changes any more. */
function readWhole({ descriptor }: { readonly descriptor: number }): Buffer {
  try {
    const { size } = fstatSync(descriptor);
    if (size > MAXIMUM_CREDENTIAL_BYTES) {
      throw new XosError('XOS_INPUT_TOO_LARGE', {
        what: 'The credential file',
        size,
        limit: MAXIMUM_CREDENTIAL_BYTES,
      });
    }
    const bytes = Buffer.alloc(size);
    let read = 0;
    while (read < size) {
      const count = readSync(descriptor, bytes, read, size - read, read);
      if (count === 0) break;
      read += count;
    }
    return bytes.subarray(0, read);
  } finally {
    closeSync(descriptor);
  }
}
