/**
 * What somebody without rights tries on the daemons' sockets; local-accounts.test.ts runs it as an ordinary user. Prints a JSON
 * object: what each attempt got. Arguments: the login name and the session id of somebody else, and that person's uid.
 */
import { connect } from 'node:net';
import { createHelperClient } from '@xtreemos/helper-client';
import { encodeMessage, FrameReader, type ModuleMessage, PAM_SOCKET_PATH } from '@xtreemos/module-protocol';

const [user = '', sessionId = '', uid = ''] = process.argv.slice(2);

/** Type and PAM code of the answer, `hung up` without one. */
function askPam(request: ModuleMessage): Promise<string> {
  return new Promise((resolve) => {
    const reader = new FrameReader();
    const socket = connect(PAM_SOCKET_PATH, () => socket.write(encodeMessage(request)));
    const timer = setTimeout(() => socket.destroy(), 3_000);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve('hung up');
    });
    socket.on('data', (chunk) => {
      for (const message of reader.push(chunk)) {
        if (message.type === 'working') continue;
        resolve(message.type === 'result' ? `result ${message.pamCode}` : message.type);
        socket.destroy();
      }
    });
  });
}

async function askHelper(attempt: () => Promise<unknown>): Promise<string> {
  try {
    return JSON.stringify(await attempt());
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const where = { service: 'login', tty: '', rhost: '' };
const helper = createHelperClient();
console.log(
  JSON.stringify({
    authenticate: await askPam({ type: 'authenticate', user, ...where, ruser: '' }),
    account: await askPam({ type: 'account', user, ...where }),
    openSession: await askPam({ type: 'openSession', user, ...where, handle: '', sshAuthInfo: '' }),
    sessionKey: await askPam({ type: 'sessionKey', sessionId, keySerial: 1 }),
    closeSession: await askPam({ type: 'closeSession', sessionId }),
    endAccount: await askHelper(() => helper.endAccount(Number(uid))),
    listCredentialFiles: await askHelper(() => helper.listCredentialFiles()),
  }),
);
process.exit(0);
