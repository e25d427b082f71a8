import { humanByteSize, reasonOf, systemClock, XosError } from '@xtreemos/base';
import { connectPeer, createDirectoryClient, keepConnected, openHostSecurity } from '@xtreemos/xtreemfs';
import type { Invocation } from '../invocation.ts';
import type { Report } from '../output/report.ts';
import { rfc3339 } from '../output/stable-json.ts';
import { table } from '../output/table.ts';
import { durationText } from '../output/time-text.ts';
import { addressOf, type ServiceState, securityOf, servicesOf } from './directory-services.ts';

export interface FileSystemStatusOptions {
  readonly directory?: string;
  readonly vo?: string;
}

/** `xos fs status`: asks the DIR, as this host. */
export async function fileSystemStatus(
  invocation: Invocation,
  options: FileSystemStatusOptions,
): Promise<Report> {
  const { paths } = invocation;
  const where = addressOf(options.directory ?? paths.fileSystemDirectory ?? '127.0.0.1');
  const text = `${where.address}:${where.port}`;
  const security = await openHostSecurity('accounts', securityOf(paths, options.vo), {
    ...systemClock,
    nowMs: invocation.nowMs,
  });
  const link = keepConnected(() => connectPeer(security, 'dir', where));
  try {
    const { timeMs, services } = await invocation.slowly(`Asking the DIR at ${text}`, () =>
      servicesOf(createDirectoryClient(link.connected)),
    );
    return report(text, timeMs, services);
  } catch (cause) {
    throw new XosError(
      'XOS_REMOTE',
      { peer: `The DIR at ${text}`, attempt: 'tell which servers it knows', reason: reasonOf(cause) },
      { cause },
    );
  } finally {
    link.close();
  }
}

function report(directory: string, timeMs: number, services: readonly ServiceState[]): Report {
  return {
    data: {
      directory,
      time: rfc3339(timeMs),
      services: services.map(({ silentSeconds, freeBytes, totalBytes, ...rest }) => ({
        ...rest,
        lastSeenAt: silentSeconds === undefined ? null : rfc3339(timeMs - silentSeconds * 1000),
        freeBytes: freeBytes ?? null,
        totalBytes: totalBytes ?? null,
      })),
    },
    exitCode: services.some(({ type, alive }) => type !== 'volume' && !alive) ? 1 : 0,
    text: (terminal) =>
      table(
        services,
        [
          { title: 'TYPE', value: ({ type }) => (type === 'volume' ? type : type.toUpperCase()) },
          { title: 'UUID', value: ({ uuid }) => uuid },
          { title: 'ADDRESS', value: ({ addresses }) => addresses.join(' '), mayShrink: true },
          { title: 'STATE', value: stateText },
          {
            title: 'FREE',
            align: 'right',
            value: ({ freeBytes }) => (freeBytes === undefined ? '' : humanByteSize(freeBytes)),
          },
          {
            title: 'OF',
            align: 'right',
            value: ({ totalBytes }) => (totalBytes === undefined ? '' : humanByteSize(totalBytes)),
          },
          { title: 'NAME', value: ({ name }) => name, mayShrink: true },
        ],
        terminal,
        `The DIR at ${directory} answers and knows no server yet.`,
      ),
  };
}

function stateText({ alive, silentSeconds }: ServiceState): string {
  if (silentSeconds === undefined) return 'offline';
  return alive ? 'alive' : `silent for ${durationText(silentSeconds * 1000)}`;
}
