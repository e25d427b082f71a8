import { XosError } from '@xtreemos/base';

export const systemBusAddress = 'unix:path=/run/dbus/system_bus_socket';

/**
 * The socket paths of a server address (D-Bus specification, "Server Addresses"), in order of preference; abstract ones
 * start with NUL, as node:net wants them. Other transports are passed over: nothing plain leaves this host.
 * @throws XosError XOS_INPUT_BAD when there is none.
 */
export function socketPaths(address: string): readonly string[] {
  const paths = address.split(';').flatMap((entry) => {
    const match = /^unix:(.*)$/.exec(entry);
    if (match === null) return [];
    for (const pair of (match[1] ?? '').split(',')) {
      const equals = pair.indexOf('=');
      const value = unescaped(pair.slice(equals + 1));
      if (equals < 0 || value === undefined || value === '') continue;
      if (pair.startsWith('path=')) return [value];
      if (pair.startsWith('abstract=')) return [`\0${value}`];
    }
    return [];
  });
  if (paths.length === 0) {
    const reason = 'expected unix:path=... or unix:abstract=...';
    throw new XosError('XOS_INPUT_BAD', { what: 'The bus address', where: address, reason });
  }
  return paths;
}

function unescaped(value: string): string | undefined {
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined;
  }
}
