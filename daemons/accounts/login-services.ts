import type { Server, Socket } from 'node:net';
import { type Clock, createRateLimit, type Logger, XosError } from '@xtreemos/base';
import type { Helper } from '@xtreemos/helper-client';
import { makeChallengeStore, type TrustDirectories } from '@xtreemos/identity';
import type { PeerCredentials } from '@xtreemos/native-sys';
import { AccountAccess } from './account-access.ts';
import type { Lease, SessionRecord } from './account-records.ts';
import type { AccountStore } from './account-store.ts';
import type { AccountsConfiguration } from './configuration.ts';
import type { HomeVolumes } from './home-volumes.ts';
import { LoginConversation, type VoNode } from './login-conversation.ts';
import { LoginHandles, type SessionProof } from './login-handle.ts';
import { createPamServer, type PamServerOptions } from './pam-server.ts';
import type { ProcessTable } from './process-table.ts';
import { SessionService } from './session-service.ts';
import type { SiteRules } from './site-rules.ts';
import { SshLogin } from './ssh-login.ts';
import type { VoDirectory } from './vo-directory.ts';

export interface LoginServicesOptions {
  /** As they are now. */
  readonly configuration: () => AccountsConfiguration;
  readonly site: () => SiteRules;
  readonly store: AccountStore;
  readonly helper: Helper;
  readonly homes: HomeVolumes;
  readonly directory: VoDirectory;
  readonly trust: TrustDirectories;
  readonly processes: ProcessTable;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly peer?: (socket: Socket) => PeerCredentials;
  readonly onPamAnswered: PamServerOptions['onAnswered'];
  readonly onLeased: (lease: Lease) => void;
  readonly onOpened: (session: SessionRecord) => void;
  readonly onClosed: (session: SessionRecord) => void;
}

export interface LoginServices {
  readonly sessions: SessionService;
  /** For pam.sock. */
  readonly server: Server;
}

/** Attempts of one login name at once, and how many come back per second. */
const LOGIN_ATTEMPTS = { burst: 10, perSecond: 0.2 };

/** Everything between pam.sock and the store: who may in, how they prove who they are, and their sessions. */
export function createLoginServices(options: LoginServicesOptions): LoginServices {
  const { configuration, site, store, helper, directory, trust, clock, logger } = options;
  const leaseTimeMs = () => configuration().Accounts.LeaseTime;
  const node = (vo: string): VoNode | undefined => {
    const opened = directory.serviceIfAny(vo);
    return opened && { client: opened.client, host: opened.identity.binding };
  };
  const access = new AccountAccess({
    store,
    clock,
    logger,
    sitePolicy: () => site().policy,
    leaseTimeMs,
    onLeased: options.onLeased,
  });
  const handles = new LoginHandles(clock);
  const conversation = new LoginConversation({
    access,
    handles,
    challenges: makeChallengeStore({ now: () => new Date(clock.nowMs()) }),
    helper,
    clock,
    logger,
    trust: () => trust.current,
    voRoots: () => directory.roots,
    node,
    credentialTimeMs: () => configuration().Login.CredentialTime,
    allowPlainKeys: () => configuration().Login.AllowPlainKeys,
    attempts: createRateLimit({ ...LOGIN_ATTEMPTS, clock }),
  });
  const sessions = new SessionService({
    store,
    access,
    helper,
    homes: options.homes,
    clock,
    logger,
    processes: options.processes,
    leaseTimeMs,
    onOpened: options.onOpened,
    onClosed: options.onClosed,
  });
  const authorities = (vo: string) => directory.sshAuthorities(vo);
  const sshLogin = new SshLogin({ store, access, conversation, authorities, node, clock, logger });

  const sessionProof = async (
    login: string,
    handle: string,
    sshAuthInfo: string,
  ): Promise<SessionProof | undefined> => {
    const account = access.find(login);
    if (account === undefined) return undefined;
    if (handle !== '') {
      const proof = handles.redeem(handle, login);
      if (proof.guid !== account.member.guid) {
        throw new XosError('XOS_HANDLE_INVALID', {
          name: login,
          reason: 'the name is another person by now',
        });
      }
      return { credential: proof.credential };
    }
    return sshAuthInfo === '' ? undefined : sshLogin.proof(account, sshAuthInfo);
  };
  const server = createPamServer({
    access,
    conversation,
    sessions,
    sessionProof,
    principals: (request) => sshLogin.principals(request),
    mayAskPrincipals: (uid) =>
      configuration().Login.PrincipalsUsers.some(
        (name) => site().membership.local.byName.get(name)?.uid === uid,
      ),
    logger,
    onAnswered: options.onPamAnswered,
    nowMs: () => clock.nowMs(),
    ...(options.peer === undefined ? {} : { peer: options.peer }),
  });
  return { sessions, server };
}
