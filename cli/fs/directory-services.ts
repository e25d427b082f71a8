/** What a DIR of XtreemFS knows of servers and volumes, as a host of the VO asks it. */
import { XosError } from '@xtreemos/base';
import type { DirectoryClient } from '@xtreemos/xtreemfs';
import type { HostPaths } from '../host-paths.ts';

const defaultPort = 32638;
/** Servers tell of themselves every 30 s; who missed three is not there. */
const silentAfterSeconds = 100;
const types = ['mrc', 'osd', 'volume'] as const;

export interface ServiceState {
  readonly type: (typeof types)[number];
  readonly uuid: string;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly alive: boolean;
  /** Seconds by the DIR's clock; undefined when the service took its leave. */
  readonly silentSeconds: number | undefined;
  readonly freeBytes: number | undefined;
  readonly totalBytes: number | undefined;
}

/** Of this host, which as every host of a VO has the role accounts, and may read. */
export function securityOf(paths: HostPaths, vo: string | undefined) {
  return {
    Vo: vo,
    HostDirectory: paths.hostKeyDirectory,
    VoDirectory: paths.voDirectory,
    TrustDirectory: paths.gridSecurityDirectory,
    CrlDirectory: paths.crlDirectory,
    RequestDirectory: undefined,
  };
}

/** `HOST`, `HOST:PORT`, `[2001:db8::1]:PORT`. @throws XosError XOS_USAGE */
export function addressOf(text: string): { readonly address: string; readonly port: number } {
  const [, bracketed, plain, port] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const address = bracketed ?? plain;
  const number = port === undefined ? defaultPort : Number(port);
  if (address !== undefined && number >= 1 && number <= 65_535) return { address, port: number };
  throw new XosError('XOS_USAGE', {
    reason: `--directory ${text} is neither HOST nor HOST:PORT`,
    help: '`xos fs status --help`',
  });
}

/** Servers and volumes, and the time by the DIR's clock. */
export async function servicesOf(
  directory: DirectoryClient,
): Promise<{ readonly timeMs: number; readonly services: readonly ServiceState[] }> {
  const timeMs = await directory.timeMs();
  const services: ServiceState[] = [];
  for (const type of types) {
    for (const { uuid, name, data, lastUpdatedS } of await directory.servicesOf(type)) {
      const silentSeconds = lastUpdatedS === 0 ? undefined : Math.max(timeMs / 1000 - lastUpdatedS, 0);
      const addresses = await directory.addressesOf(uuid).catch(() => []);
      services.push({
        type,
        uuid,
        name,
        addresses: addresses.map(({ address, port }) => `${address}:${port}`),
        // A volume is told of by its MRC, which may do so more rarely.
        alive: silentSeconds !== undefined && silentSeconds <= silentAfterSeconds,
        silentSeconds,
        freeBytes: bytesIn(data, 'free'),
        totalBytes: bytesIn(data, 'total'),
      });
    }
  }
  return { timeMs, services };
}

function bytesIn(data: Readonly<Record<string, string>>, key: string): number | undefined {
  const text = data[key] ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
