import { XosError } from '@xtreemos/base';
import type { HelperTransport } from './helper-client.ts';

/** The exchange over the helper's Unix socket, one connection per request. */
export const socketTransport: HelperTransport = async ({ socketPath }) => {
  throw new XosError('XOS_NOT_SUPPORTED', {
    what: `Speaking to ${socketPath}`,
    reason: 'passing descriptors needs the native addon sys',
  });
};
