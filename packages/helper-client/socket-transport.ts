import { reasonOf, XosError } from '@xtreemos/base';
import { request } from '@xtreemos/native-sys';
import type { HelperTransport } from './helper-client.ts';
import { maximumDescriptors, maximumMessageBytes } from './helper-message.ts';

/** The exchange over the helper's Unix socket, one connection per request. */
export const socketTransport: HelperTransport = async ({ socketPath, message, descriptors, timeoutMs }) => {
  try {
    const answer = await request(socketPath, message, {
      descriptors,
      timeoutMs,
      maxReplyBytes: maximumMessageBytes,
      maxDescriptors: maximumDescriptors,
    });
    return { message: answer.bytes, descriptors: answer.descriptors };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ETIMEDOUT') {
      throw new XosError(
        'XOS_TIMEOUT',
        { what: 'xos-helper', timeoutMs, attempt: 'do its part' },
        { cause: error },
      );
    }
    if (code === 'EPROTO' || code === 'EMSGSIZE') {
      throw new XosError(
        'XOS_PROTOCOL',
        { peer: 'xos-helper', attempt: 'a request', reason: reasonOf(error) },
        { cause: error },
      );
    }
    throw new XosError(
      'XOS_UNREACHABLE',
      {
        what: 'xos-helper',
        address: socketPath,
        reason: `${reasonOf(error)}. Is xos-helper.service running?`,
      },
      { cause: error },
    );
  }
};
