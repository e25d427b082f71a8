/** Called by rpmsign in place of gpg (rpm-signature.ts): usage `sign-header.ts PLAINTEXT SIGNATURE`, with XOS_SIGN_SOCKET set. */
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';

const [plaintext, signature] = process.argv.slice(2);
const socketPath = process.env['XOS_SIGN_SOCKET'];
if (plaintext === undefined || signature === undefined || socketPath === undefined)
  throw new Error('usage: XOS_SIGN_SOCKET=SOCKET sign-header.ts PLAINTEXT SIGNATURE');
const asked = request({ socketPath, method: 'POST' });
// "-" in rpm 4.18, a named pipe in others.
asked.end(plaintext === '-' ? await buffer(process.stdin) : await readFile(plaintext));
const [answer] = (await once(asked, 'response')) as [IncomingMessage];
await writeFile(signature, await buffer(answer));
