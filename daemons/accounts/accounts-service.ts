import { chmodSync, mkdirSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { join } from 'node:path';
import type { AccountCounts, VoState } from '@xtreemos/accounts-client';
import { type RunningService, reasonOf, type ServiceContext, XosError } from '@xtreemos/base';
import { createHelperClient, type Helper } from '@xtreemos/helper-client';
import { type JoinedVo, openTrustDirectories, type TrustDirectories } from '@xtreemos/identity';
import { nssMapSteps } from '@xtreemos/module-protocol';
import type { PeerCredentials } from '@xtreemos/native-sys';
import { AccountDatabase } from './account-database.ts';
import { events } from './account-events.ts';
import { type AccountMap, createAccountMap } from './account-map.ts';
import { createAccountMetrics } from './account-metrics.ts';
import { AccountStore } from './account-store.ts';
import type { AccountsConfiguration } from './configuration.ts';
import { expire } from './expiry.ts';
import { foreignIdsOf, type NameServices } from './foreign-ids.ts';
import { HomeVolumes } from './home-volumes.ts';
import { renewHostCertificates } from './host-renewal.ts';
import { Housekeeping } from './housekeeping.ts';
import { inTurns } from './in-turns.ts';
import { LeaseEnd } from './lease-end.ts';
import { createLoginServices } from './login-services.ts';
import { MapPublisher } from './map-publisher.ts';
import type { MembershipChanges } from './membership-application.ts';
import { MembershipIntake } from './membership-intake.ts';
import { type AccountLook, nssMapContent } from './nss-map.ts';
import { createNssServer } from './nss-server.ts';
import { sleep } from './pausing.ts';
import { hostProcesses, type ProcessTable } from './process-table.ts';
import { RevocationWatch } from './revocation-watch.ts';
import type { SessionService } from './session-service.ts';
import { fileRevision, readSiteRules, type SiteRules, siteRevision } from './site-rules.ts';
import { crlsGoodUntil, statusLine } from './status-line.ts';
import { VoConnections } from './vo-connections.ts';
import { VoDirectory, type VoService } from './vo-directory.ts';

/** What happens, for those who listen on the bus. */
export interface AccountObserver {
  accountLeased(login: string, uid: number): void;
  accountEnded(login: string, uid: number, reason: string): void;
  sessionOpened(sessionId: string, login: string, uid: number): void;
  sessionClosed(sessionId: string, login: string, uid: number): void;
  stateChanged(): void;
}

/** What tests replace. */
export interface AccountsEnvironment {
  readonly helper?: Helper;
  readonly connect?: (joined: JoinedVo) => VoService;
  readonly nameServices?: NameServices;
  readonly processes?: ProcessTable;
  readonly peer?: (socket: Socket) => PeerCredentials;
}

/** The account mapping service, put together; main.ts gives it a life and the bus a voice. */
export class AccountsService implements RunningService<AccountsConfiguration> {
  readonly #context: ServiceContext<AccountsConfiguration>;
  /** Forward and inverse map, and what they are of. */
  readonly map: AccountMap;
  #configuration: AccountsConfiguration;
  #site: SiteRules;
  #siteRevision: string;
  #voRevision = '';
  readonly #observers = new Set<AccountObserver>();
  readonly #helper: Helper;
  readonly #trust: TrustDirectories;
  readonly #store: AccountStore;
  readonly #directory: VoDirectory;
  readonly #publisher: MapPublisher;
  readonly #leaseEnd: LeaseEnd;
  readonly #intake: MembershipIntake;
  readonly #connections: VoConnections;
  readonly #sessions: SessionService;
  readonly #homes: HomeVolumes;
  readonly #servers: readonly Server[];
  readonly #housekeeping: Housekeeping;
  #generation = 0;
  #stopped = false;
  #announcement: NodeJS.Timeout | undefined;

  /** @throws XosError when a file of the configuration cannot be used or a socket not be bound */
  static async start(
    context: ServiceContext<AccountsConfiguration>,
    environment: AccountsEnvironment = {},
  ): Promise<AccountsService> {
    const { Accounts, Login } = context.configuration;
    const crlDirectory = join(Accounts.StateDirectory, 'crls');
    // OpenSSL and others follow the links of the trust directory to here.
    mkdirSync(crlDirectory, { recursive: true });
    chmodSync(crlDirectory, 0o755);
    const trust = await openTrustDirectories({
      directories: [Accounts.TrustDirectory],
      crlDirectories: [crlDirectory],
    });
    const service = new AccountsService(context, environment, trust, crlDirectory);
    const [pamServer, nssServer] = service.#servers;
    if (pamServer === undefined || nssServer === undefined) throw new Error('no servers');
    await context.sockets.listenUnix(pamServer, { name: 'pam', path: Login.PamSocket, mode: 0o666 });
    await context.sockets.listenUnix(nssServer, { name: 'nss', path: Login.NssSocket, mode: 0o666 });
    await service.#connections.rescan();
    service.#tellStatus();
    service.#voRevision = service.#voFilesRevision();
    void service.#publisher.publish();
    void service.#leaseEnd.cleanAll();
    void service.reapSessions();
    return service;
  }

  private constructor(
    context: ServiceContext<AccountsConfiguration>,
    environment: AccountsEnvironment,
    trust: TrustDirectories,
    crlDirectory: string,
  ) {
    const { configuration, logger, clock, metrics } = context;
    const { Accounts, Login } = configuration;
    this.#context = context;
    this.#configuration = configuration;
    this.#site = readSiteRules(configuration);
    this.#siteRevision = siteRevision(configuration);
    this.#trust = trust;
    this.#helper = environment.helper ?? createHelperClient({ socketPath: Login.HelperSocket });
    const store = new AccountStore(new AccountDatabase(join(Accounts.StateDirectory, 'accounts.db')));
    this.#store = store;
    this.map = createAccountMap(store, () => this.look);
    const counted = createAccountMetrics(
      metrics,
      store,
      () => this.vos().filter(({ connected }) => connected).length,
    );
    this.#directory = new VoDirectory({
      hostDirectory: Accounts.HostDirectory,
      stateDirectory: Accounts.StateDirectory,
      clock,
      trust: () => trust.current,
      ...(environment.connect === undefined ? {} : { connect: environment.connect }),
    });
    const directory = this.#directory;
    this.#publisher = new MapPublisher({
      build: async () => {
        const { look } = this;
        const generation = ++this.#generation;
        const content = await store.database.readInTurns((reader) => nssMapContent(reader, look, generation));
        return inTurns(nssMapSteps(content));
      },
      publish: (map) => this.#helper.publishMap(map),
      logger,
      sleep,
      onChange: () => this.#tellStatus(),
    });
    const processes = environment.processes ?? hostProcesses;
    this.#homes = new HomeVolumes({
      helper: this.#helper,
      logger,
      processes,
      directory: () => this.#configuration.Accounts.HomeVolumeDirectory,
      volumeOf: (vo) => directory.find(vo)?.home,
      isInUse: (uid) => this.#sessions.isInUse(uid),
    });
    this.#leaseEnd = new LeaseEnd({
      store,
      helper: this.#helper,
      unmountHome: (uid) => this.#homes.stop(uid),
      logger,
      sleep,
      onEnded: (lease, reason) => {
        counted.leaseEnded();
        this.#tell((observer) => observer.accountEnded(lease.login, lease.uid, reason));
        this.#stateChanged();
      },
      onSessionGone: (sessionId) => this.#sessions.forget(sessionId),
    });
    const logins = createLoginServices({
      configuration: () => this.#configuration,
      site: () => this.#site,
      store,
      helper: this.#helper,
      directory,
      trust,
      homes: this.#homes,
      processes,
      clock,
      logger,
      onPamAnswered: counted.pamAnswered,
      ...(environment.peer === undefined ? {} : { peer: environment.peer }),
      onLeased: (lease) => {
        counted.leaseMade();
        this.#tell((observer) => observer.accountLeased(lease.login, lease.uid));
        this.#stateChanged();
      },
      onOpened: ({ sessionId, login, uid }) => {
        this.#tell((observer) => observer.sessionOpened(sessionId, login, uid));
        this.#stateChanged();
      },
      onClosed: ({ sessionId, login, uid }) => {
        this.#tell((observer) => observer.sessionClosed(sessionId, login, uid));
        this.#stateChanged();
      },
    });
    this.#sessions = logins.sessions;
    this.#intake = new MembershipIntake({
      store,
      stateDirectory: Accounts.StateDirectory,
      clock,
      logger,
      trust: () => trust.current,
      voRoots: () => directory.roots,
      rules: () => ({ ...this.#site.membership, nowMs: clock.nowMs() }),
      queryForeign: this.#foreignQuery(environment.nameServices),
      onApplied: (changes) => this.#applied(changes),
    });
    const revocations = new RevocationWatch({
      store,
      trust,
      crlDirectory,
      leaseEnd: this.#leaseEnd,
      voRoots: () => directory.roots,
      hostGuid: (vo) => directory.serviceIfAny(vo)?.identity.binding.hostGuid,
      clock,
      logger,
    });
    this.#connections = new VoConnections({
      voFiles: () => this.#configuration.Accounts.VoDirectory,
      store,
      directory,
      intake: this.#intake,
      revocations,
      clock,
      logger,
      refreshIntervalMs: () => this.#configuration.Accounts.RefreshInterval,
      reloadTrust: () => this.#reloadTrust(),
      onChange: () => this.#stateChanged(),
    });
    this.#servers = [
      logins.server,
      createNssServer({
        store,
        look: () => this.look,
        logger,
        onMiss: (alias) => this.#connections.refreshAfterMiss(alias),
        onAnswered: counted.nssAnswered,
      }),
    ];
    this.#housekeeping = new Housekeeping(
      [
        { name: 'looking for changed files', everyMs: 2000, work: () => this.#takeChangedFiles() },
        { name: 'reaping sessions', everyMs: 15_000, work: () => this.reapSessions() },
        { name: 'ending what expired', everyMs: 5000, work: () => this.expireNow() },
        {
          name: 'renewing host certificates',
          everyMs: 3_600_000,
          work: () => this.#renewHostCertificates(),
        },
        { name: 'reading the trust directory', everyMs: 60_000, work: () => this.#reloadTrust() },
        // A revocation list ends without an event.
        { name: 'telling the status', everyMs: 60_000, work: () => this.#tellStatus() },
      ],
      logger,
    );
  }

  get look(): AccountLook {
    const { HomeDirectory, Shell } = this.#configuration.Accounts;
    return { homeDirectory: HomeDirectory, shell: Shell };
  }

  /** Calls the observer from now on, until the returned function is called. */
  observe(observer: AccountObserver): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  vos(): readonly VoState[] {
    return this.#connections.states();
  }

  counts(): AccountCounts {
    return { vos: this.#directory.joined.length, ...this.#store.counts() };
  }

  /** Ends a lease and resolves when the account is clean. @throws XosError XOS_NOT_FOUND when there is none */
  async expireLease(login: string): Promise<void> {
    const assignment = this.#store.byLogin(login);
    const lease = assignment && this.#store.leaseOf(assignment.vo, assignment.user);
    if (lease === undefined) throw new XosError('XOS_NOT_FOUND', { what: 'lease of', name: login });
    await this.#leaseEnd.end(lease, 'ended by the administrator');
  }

  /** Closes sessions whose leader is gone, and unmounts homes that nobody uses; also done every 15 s. */
  async reapSessions(): Promise<void> {
    await this.#sessions.reap();
    await this.#homes.reap();
  }

  /** Ends what time has ended; also done every 5 s. */
  expireNow(): Promise<void> {
    const { Accounts } = this.#configuration;
    return expire({
      store: this.#store,
      leaseEnd: this.#leaseEnd,
      clock: this.#context.clock,
      logger: this.#context.logger,
      leaseTimeMs: () => Accounts.LeaseTime,
      expiredSession: () => Accounts.ExpiredSession,
    });
  }

  /** Reads vo.d again, fetches lists and CRLs and applies them; by VO id or alias, or all. */
  async refresh(vo?: string): Promise<void> {
    await this.#connections.rescan();
    this.#voRevision = this.#voFilesRevision();
    await this.#connections.refresh(vo);
    await this.#publisher.publish();
  }

  async reload(configuration: AccountsConfiguration): Promise<void> {
    const site = readSiteRules(configuration);
    this.#configuration = configuration;
    this.#site = site;
    this.#siteRevision = siteRevision(configuration);
    await this.#connections.rescan();
    await this.#connections.reapply();
    await this.#publisher.publish();
  }

  /** Stopping twice is no error. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    clearTimeout(this.#announcement);
    for (const server of this.#servers) server.close();
    await this.#housekeeping.stop();
    await this.#connections.stop();
    this.#publisher.stop();
    await this.#leaseEnd.stop();
    this.#directory.close();
    this.#store.database.close();
  }

  #tell(what: (observer: AccountObserver) => void): void {
    for (const observer of this.#observers) what(observer);
  }

  #applied(changes: MembershipChanges): void {
    // A map that failed before is being tried again by itself.
    if (changes.visible) void this.#publisher.publish();
    if (changes.ended.length > 0) void this.#leaseEnd.cleanAll();
    this.#stateChanged();
  }

  /** Counting 10,000 members takes a millisecond: many changes at once are counted once, and no login waits for it. */
  #stateChanged(): void {
    if (this.#stopped) return;
    this.#announcement ??= setTimeout(() => {
      this.#announcement = undefined;
      this.#tellStatus();
      this.#tell((observer) => observer.stateChanged());
    }, 200).unref();
  }

  #tellStatus(): void {
    if (this.#stopped) return;
    const { clock, setStatus } = this.#context;
    const joined = new Set(this.#directory.joined.map(({ vo }) => vo));
    setStatus(
      statusLine({
        vos: this.vos(),
        counts: this.#store.counts(),
        crlsGoodUntilMs: crlsGoodUntil(this.#trust.current, joined),
        mapProblem: this.#publisher.problem,
        nowMs: clock.nowMs(),
      }),
    );
  }

  #foreignQuery(services: NameServices | undefined) {
    const { logger, clock } = this.#context;
    let query: ReturnType<typeof foreignIdsOf> | undefined;
    return async (uids: readonly number[], gids: readonly number[]) => {
      if (!this.#configuration.Accounts.QueryNameServices)
        return { uids: new Set<number>(), gids: new Set<number>() };
      query ??= foreignIdsOf(
        services ?? (await import('@xtreemos/native-nss')),
        () => clock.monotonicMs(),
        (unasked) => {
          logger.warning(
            events.configurationProblem,
            `the name services of this host are slow: ${unasked} ids were given without asking them`,
          );
        },
      );
      return query(uids, gids);
    };
  }

  async #reloadTrust(): Promise<void> {
    await this.#trust.reload();
    for (const { file, reason } of this.#trust.current.problems) {
      this.#context.logger.debug(events.trustProblem, `${file} is not used: ${reason}`);
    }
  }

  async #renewHostCertificates(): Promise<void> {
    const { clock, logger } = this.#context;
    const { HostDirectory: hostDirectory, RequestDirectory: requestDirectory } = this.#configuration.Accounts;
    for (const { vo } of this.#directory.joined) {
      await renewHostCertificates(vo, {
        directory: this.#directory,
        hostDirectory,
        requestDirectory,
        helper: this.#helper,
        clock,
        logger,
      });
    }
  }

  #voFilesRevision(): string {
    return fileRevision(this.#configuration.Accounts.VoDirectory);
  }

  /** Joining a VO, adding a local user or editing mapping.conf takes effect without a signal. */
  async #takeChangedFiles(): Promise<void> {
    const { logger } = this.#context;
    try {
      const voRevision = this.#voFilesRevision();
      if (voRevision !== this.#voRevision) {
        this.#voRevision = voRevision;
        await this.#connections.rescan();
      }
      const revision = siteRevision(this.#configuration);
      if (revision !== this.#siteRevision) {
        this.#siteRevision = revision;
        this.#site = readSiteRules(this.#configuration);
        await this.#connections.reapply();
      }
    } catch (error) {
      logger.error(events.configurationProblem, `a changed file is not used: ${reasonOf(error)}`);
    }
  }
}
