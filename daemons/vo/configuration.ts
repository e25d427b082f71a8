import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { type ConfigurationOf, defineConfiguration, kind, XosError } from '@xtreemos/base';
import { namePatterns } from './names.ts';

const domainName = new RegExp(namePatterns.vo);
const expectsDomain = 'a name of lower-case letters, digits, dots and hyphens';

/** vo.conf. Lifetimes are upper bounds: a request may ask for less, a membership's end cuts them. */
export const configurationSchema = defineConfiguration({
  Service: {
    Listen: kind.listenList([{ address: '', port: 7443 }]),
    AdminSocket: kind.path('/run/xtreemos/vo/admin.sock'),
    StateDirectory: kind.path('/var/lib/xtreemos/vo'),
    /** Names and addresses in the TLS certificate, the main one first. Empty: this host's name. */
    Hostname: kind.textList([]),
    /** Where nodes and people reach the service; stands in node tokens. Empty: https://HOSTNAME:PORT of the above. */
    PublicUrl: kind.url(),
    /** Domain of trust that VOs are put into by default. Empty: the main host name. */
    TrustDomain: kind.pattern(domainName, expectsDomain),
  },
  Certificates: {
    UserLifetime: kind.timeSpan('12h', { minimum: 60_000, maximum: 30 * 86_400_000 }),
    SessionLifetime: kind.timeSpan('12h', { minimum: 60_000, maximum: 7 * 86_400_000 }),
    SshLifetime: kind.timeSpan('12h', { minimum: 60_000, maximum: 30 * 86_400_000 }),
    HostLifetime: kind.timeSpan('30d', { minimum: 3_600_000, maximum: 398 * 86_400_000 }),
    /** nextUpdate of CRLs, and how long a membership list may be relied upon. */
    CrlLifetime: kind.timeSpan('24h', { minimum: 600_000, maximum: 30 * 86_400_000 }),
    /** CRLs and membership lists are made anew so often, and at each change. */
    RepublishInterval: kind.timeSpan('1h', { minimum: 60_000, maximum: 12 * 3_600_000 }),
  },
  Limits: {
    /** scrypt's N as a power of two; r = 8, p = 3. 15 takes about 0.2 s and 32 MiB. */
    PasswordCost: kind.integer(15, { minimum: 14, maximum: 20 }),
    /** Requests without sign-in from one address: at once, and per second after that. */
    AnonymousBurst: kind.integer(60, { minimum: 1, maximum: 1_000_000 }),
    AnonymousPerSecond: kind.integer(5, { minimum: 1, maximum: 1_000_000 }),
    /** Password and token attempts, per address and per user name: at once, and per minute after that. */
    SignInBurst: kind.integer(10, { minimum: 1, maximum: 1_000_000 }),
    SignInPerMinute: kind.integer(6, { minimum: 1, maximum: 1_000_000 }),
  },
});

export type Configuration = ConfigurationOf<typeof configurationSchema>;

/** What the rest of the service works with: names filled in. */
export interface Settings {
  readonly stateDirectory: string;
  readonly hostnames: readonly string[];
  readonly domain: string;
  readonly configuration: Configuration;
}

export function settingsOf(configuration: Configuration, host: string = hostname()): Settings {
  const { Service } = configuration;
  const hostnames = (Service.Hostname.length > 0 ? Service.Hostname : [host]).map((name) =>
    name.toLowerCase(),
  );
  return {
    stateDirectory: Service.StateDirectory,
    hostnames,
    domain: Service.TrustDomain ?? hostnames[0] ?? host,
    configuration,
  };
}

/** What the kinds of single keys cannot see. Throws XOS_CONFIGURATION_BAD. */
export function checkConfiguration(configuration: Configuration): void {
  const { Service, Certificates } = configuration;
  for (const name of Service.Hostname) {
    if (isIP(name) === 0 && !new RegExp(namePatterns.hostname).test(name.toLowerCase())) {
      throw bad(`[Service] Hostname=${name} is neither a host name nor an address`);
    }
  }
  if (Service.Listen.length === 0) throw bad('[Service] Listen= is empty: give a port or ADDRESS:PORT');
  if (Certificates.RepublishInterval * 2 > Certificates.CrlLifetime) {
    throw bad('[Certificates] RepublishInterval= has to be at most half of CrlLifetime=');
  }
}

function bad(reason: string): XosError {
  return new XosError('XOS_CONFIGURATION_BAD', { reason });
}
