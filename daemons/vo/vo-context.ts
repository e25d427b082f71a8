import type { Clock, Logger } from '@xtreemos/base';
import type { AuthorityStore } from './authority-store.ts';
import type { ChangeHub } from './change-hub.ts';
import type { Settings } from './configuration.ts';
import type { Database } from './database.ts';
import type { PasswordHasher } from './password-hash.ts';
import type { ServiceMetrics } from './service-metrics.ts';
import type { SignInLimits } from './sign-in-limits.ts';

/** What every part of the running service shares. */
export interface VoContext {
  /** Another object after SIGHUP: read it where it is used. */
  readonly settings: Settings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly database: Database;
  readonly authorities: AuthorityStore;
  readonly hub: ChangeHub;
  readonly metrics: ServiceMetrics;
  readonly passwords: PasswordHasher;
  readonly limits: SignInLimits;
  /** https URL in node tokens; known once the service listens. */
  readonly publicUrl: () => string;
}
