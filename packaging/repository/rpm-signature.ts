/**
 * Signatures in the headers of .rpm files. rpmsign writes them; where it would call gpg it calls sign-header.ts instead,
 * which asks this process over a socket: the private key stays in one process, and its passphrase too.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { output } from './command.ts';
import type { Signer } from './signing-key.ts';

export async function signRpmPackages(files: readonly string[], signer: Signer, date: Date): Promise<void> {
  if (files.length === 0) return;
  const folder = await mkdtemp(path.join(tmpdir(), 'xtreemos-sign-'));
  const socket = path.join(folder, 'socket');
  const server = createServer((request, response) => {
    answer(request, response, signer, date).catch((error: unknown) => {
      console.error(String(error));
      response.destroy();
    });
  });
  try {
    await new Promise<void>((resolve, reject) => {
      server.on('error', reject);
      server.listen(socket, resolve);
    });
    // Paths go through the environment: rpm would take % in them for macros.
    const command = `/bin/sh sh -c 'exec "$XOS_NODE" "$XOS_SIGN_HEADER" "$0" "$1"' %{__plaintext_filename} %{__signature_filename}`;
    const macros = [`--define=_gpg_name ${signer.fingerprint}`, `--define=__gpg_sign_cmd ${command}`];
    await output('rpmsign', [...macros, '--addsign', ...files], {
      environment: {
        HOME: folder, // nobody's .rpmmacros
        XOS_NODE: process.execPath,
        XOS_SIGN_HEADER: path.join(import.meta.dirname, 'sign-header.ts'),
        XOS_SIGN_SOCKET: socket,
      },
    });
  } finally {
    server.close();
    await rm(folder, { recursive: true });
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  signer: Signer,
  date: Date,
): Promise<void> {
  const signature = await signer.sign(await buffer(request), date);
  response.end(signature.write());
}
