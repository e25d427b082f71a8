import type { Server } from 'node:net';
import type { ListenAddress } from './configuration-kind.ts';
import { reasonOf, XosError } from './xos-error.ts';

/** Lets a net, http or tls server listen at an address of a Listen=. @throws XosError XOS_CONFIGURATION_BAD naming it */
export async function listenAt(server: Server, { address, port }: ListenAddress): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  // Without an address Node listens on ::, which takes IPv4 as well.
  server.listen({ port, ...(address === '' ? {} : { host: address }) }, resolve);
  try {
    await promise;
  } catch (cause) {
    const reason = `cannot listen on ${address === '' ? '*' : address}:${port}: ${reasonOf(cause)}`;
    throw new XosError('XOS_CONFIGURATION_BAD', { reason }, { cause });
  }
}

/** An address of listen(2), as people write it. */
export function addressText({ address, port }: { readonly address: string; readonly port: number }): string {
  if (address === '::' || address === '0.0.0.0') return `*:${port}`;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
