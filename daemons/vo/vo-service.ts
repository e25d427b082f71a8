import { mkdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import {
  type Clock,
  defineEvent,
  type Logger,
  type Metrics,
  type ServiceSockets,
  XosError,
} from '@xtreemos/base';
import { AuthorityStore } from './authority-store.ts';
import { ChangeHub } from './change-hub.ts';
import { type Configuration, type Settings, settingsOf } from './configuration.ts';
import { openDatabase } from './database.ts';
import { makeHttpApplication } from './http-application.ts';
import { KeyStore } from './key-store.ts';
import { isAdministrator, type Listeners, openListeners } from './listeners.ts';
import { startMaintenance } from './maintenance.ts';
import { MembershipPublisher } from './membership-document.ts';
import { PasswordHasher } from './password-hash.ts';
import { changeRegistry } from './registry-change.ts';
import { makeServiceCertificate, type ServiceCertificate } from './service-certificate.ts';
import { defineMetrics } from './service-metrics.ts';
import { SignInLimits } from './sign-in-limits.ts';
import { makeTrustDomain } from './trust-domain.ts';
import type { VoContext } from './vo-context.ts';

const serviceListens = defineEvent('vo.service-listens');
const certificateRenewed = defineEvent('vo.service-certificate-renewed');
const certificateNotRenewed = defineEvent('vo.service-certificate-not-renewed');

const renewalCheckIntervalMs = 3_600_000;

/** What the service needs from its surroundings; runService's context has it, tests make their own. */
export interface Surroundings {
  readonly configuration: Configuration;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly sockets: Pick<ServiceSockets, 'listenUnix'>;
}

export interface RunningVoService {
  readonly context: VoContext;
  readonly addresses: readonly AddressInfo[];
  readonly publicUrl: string;
  /** Lifetimes of certificates take effect at once. Throws XOS_CONFIGURATION_BAD for what needs a restart. */
  reload(configuration: Configuration): void;
  stop(deadline: AbortSignal): Promise<void>;
}

/** Opens the state directory (makes the default trust domain at the first start) and serves. */
export async function startVoService(surroundings: Surroundings): Promise<RunningVoService> {
  const { configuration, clock, logger } = surroundings;
  let settings = settingsOf(configuration);
  await mkdir(settings.stateDirectory, { recursive: true, mode: 0o750 });
  const hub = new ChangeHub();
  const metrics = defineMetrics(surroundings.metrics, hub);
  const database = await openDatabase(join(settings.stateDirectory, 'vo.db'), (jobs) =>
    metrics.commitBatch.observe({}, jobs),
  );
  let listeners: Listeners | undefined;
  const publicUrl = () => configuration.Service.PublicUrl ?? urlOf(settings, listeners?.addresses[0]?.port);
  const context: VoContext = {
    get settings() {
      return settings;
    },
    clock,
    logger,
    database,
    authorities: new AuthorityStore(database.read, new KeyStore(join(settings.stateDirectory, 'keys'))),
    hub,
    metrics,
    passwords: new PasswordHasher({ costExponent: configuration.Limits.PasswordCost }),
    limits: new SignInLimits(configuration.Limits, clock),
    publicUrl: () => publicUrl().replace(/\/$/, ''),
  };
  try {
    await makeDefaultDomain(context);
    const certificate = await makeServiceCertificate(context);
    const membership = new MembershipPublisher(context);
    const application = await makeHttpApplication(context, membership, isAdministrator);
    listeners = await openListeners({
      handle: application.handle,
      certificate,
      listen: configuration.Service.Listen,
      adminSocket: configuration.Service.AdminSocket,
      sockets: surroundings.sockets,
    });
    const stopMaintenance = startMaintenance(context);
    const stopRenewal = keepCertificateFresh(context, listeners, certificate);
    logger.notice(serviceListens, `serving ${context.publicUrl()}`, { url: context.publicUrl() });
    const open = listeners;
    return {
      context,
      addresses: open.addresses,
      publicUrl: context.publicUrl(),
      reload(changed) {
        settings = { ...settings, configuration: reloaded(settings.configuration, changed) };
      },
      async stop(deadline) {
        stopMaintenance();
        stopRenewal();
        for (const subscriber of context.hub.everyone()) subscriber.end();
        await open.close(deadline);
        await application.close();
        await database.close();
      },
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}

function reloaded(current: Configuration, changed: Configuration): Configuration {
  const fixed = (configuration: Configuration) => {
    const { Service, Limits, Certificates } = configuration;
    return JSON.stringify([Service, Limits, Certificates.RepublishInterval]);
  };
  if (fixed(current) !== fixed(changed)) {
    const reason = '[Service], [Limits] or RepublishInterval= changed, which needs a restart';
    throw new XosError('XOS_CONFIGURATION_BAD', { reason });
  }
  return changed;
}

async function makeDefaultDomain(context: VoContext): Promise<void> {
  const { domain } = context.settings;
  const known = await context.database.read
    .selectFrom('trust_domain')
    .select('name')
    .where('name', '=', domain)
    .executeTakeFirst();
  if (known === undefined) {
    await changeRegistry(context, 'service', (change) => makeTrustDomain(context, change, domain));
  }
}

/** Checks by wall clock: a timer of weeks would not survive a suspended machine. */
function keepCertificateFresh(
  context: VoContext,
  listeners: Listeners,
  first: ServiceCertificate,
): () => void {
  let current = first;
  const timer = setInterval(() => {
    if (context.clock.nowMs() < current.renewAtMs) return;
    makeServiceCertificate(context).then(
      (renewed) => {
        current = renewed;
        listeners.useCertificate(renewed);
        context.logger.notice(certificateRenewed, 'renewed the TLS certificate of the service');
      },
      (error: unknown) => {
        const cause = error instanceof Error ? error : new Error(String(error));
        context.logger.error(certificateNotRenewed, `TLS certificate not renewed: ${cause.message}`, {
          error: cause,
        });
      },
    );
  }, renewalCheckIntervalMs);
  return () => clearInterval(timer);
}

function urlOf(settings: Settings, port: number | undefined): string {
  const [host = 'localhost'] = settings.hostnames;
  return `https://${host.includes(':') ? `[${host}]` : host}:${port ?? 7443}`;
}
