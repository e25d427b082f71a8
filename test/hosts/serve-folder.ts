/**
 * A static web server: usage `serve-folder.ts FOLDER ADDRESS PORT`; prints `ready PORT` when it listens (PORT 0 takes a free
 * one) and serves until it is ended. It sends no Last-Modified: a test that changes a file is never answered from a cache.
 */
import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

/** @returns the file that a request's path names beneath `folder`; undefined when there is none. */
async function fileOf(folder: string, url: string): Promise<string | undefined> {
  let name: string;
  try {
    name = decodeURIComponent(new URL(url, 'http://any').pathname);
  } catch {
    return undefined;
  }
  if (name.includes('\0')) return undefined;
  try {
    // The folder is resolved at each request: publishing swaps the link that it is.
    const root = await realpath(folder);
    const file = await realpath(path.join(root, name));
    return file.startsWith(`${root}/`) && (await stat(file)).isFile() ? file : undefined;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

async function answer(folder: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405).end();
    return;
  }
  const file = await fileOf(folder, request.url ?? '/');
  if (file === undefined) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { 'content-length': (await stat(file)).size });
  if (request.method === 'HEAD') response.end();
  else await pipeline(createReadStream(file), response);
}

const [folder, address, port] = process.argv.slice(2);
if (folder === undefined || address === undefined || port === undefined)
  throw new Error('usage: serve-folder.ts FOLDER ADDRESS PORT');
const server = createServer((request, response) => {
  answer(folder, request, response).catch((error: unknown) => {
    // A client that went away in the middle is no failure of the server.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') console.error(error);
    response.destroy();
  });
});
server.listen(Number(port), address, () => console.log(`ready ${(server.address() as AddressInfo).port}`));
