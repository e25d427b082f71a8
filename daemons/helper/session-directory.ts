import { randomBytes } from 'node:crypto';
import { readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { XosError } from '@xtreemos/base';
import type {
  ListSessionsReply,
  ListSessionsRequest,
  RemoveSessionRequest,
  WriteSessionReply,
  WriteSessionRequest,
} from '@xtreemos/helper-client';
import {
  entryNames,
  type HeldDirectory,
  holdBeneath,
  holdBeneathIfThere,
  holdDirectory,
  holdDirectoryIfThere,
  lstatEntry,
  makeBeneath,
  moveEntry,
  rmdirEntry,
} from './held-directory.ts';
import { removeEntry } from './owned-tree.ts';
import { sealedSize } from './sealed-content.ts';
import { storageError } from './storage-error.ts';

export const maximumCredentialBytes = 64 * 1024;
const fileName = 'proxy.pem';
/** A page ends with a whole uid: twice this many, less one, with ids of 64 bytes fit into a message. */
const sessionsPerPage = 300;
/** First byte of the names of directories being made or removed. */
const unfinished = 0x2e;
const everything = { ownerUid: undefined, signal: new AbortController().signal };

/**
 * Writes `<root>/<uid>/<sessionId>/proxy.pem`: the first two directories root's, 0711; the session's the user's, 0700;
 * the file the user's, 0600. A new session's directory is renamed into place complete; in one that is there the file is
 * renamed over the old, so that a reader finds the old credential or the new.
 * @throws XosError XOS_INPUT_BAD, XOS_INPUT_TOO_LARGE, XOS_EXISTS, XOS_STORAGE_FULL, XOS_STORAGE_FAILED
 */
export async function writeSession(
  request: WriteSessionRequest,
  credential: number,
  root: string,
): Promise<WriteSessionReply> {
  const { uid, gid, sessionId } = request;
  const directory = `${root}/${uid}/${sessionId}`;
  const content = readCredential(credential);
  try {
    await using top = await holdDirectory(root);
    await using parent = await makeBeneath(top, String(uid), 0o711);
    const staging = `.${sessionId}.${randomBytes(6).toString('hex')}`;
    await using made = await makeBeneath(parent, staging, 0o700);
    try {
      await writeCredential(made, content, uid, gid);
      if ((await lstatEntry(parent, sessionId)) === undefined) {
        await made.handle.chown(uid, gid);
        await moveEntry(parent, staging, parent, sessionId);
      } else {
        await replaceCredential(parent, made, request);
        await rmdirEntry(parent, staging);
      }
    } catch (error) {
      await removeEntry(parent, root, staging, everything);
      throw error;
    }
    return { directory, proxyPath: `${directory}/${fileName}` };
  } catch (error) {
    throw storageError(error, 'write the session credential', directory);
  } finally {
    content.fill(0);
  }
}

function readCredential(descriptor: number): Buffer {
  const size = sealedSize(descriptor, 'The session credential', maximumCredentialBytes);
  const content = Buffer.alloc(size);
  for (let read = 0; read < size; ) {
    const count = readSync(descriptor, content, read, size - read, read);
    if (count === 0) break;
    read += count;
  }
  return content;
}

async function writeCredential(
  directory: HeldDirectory,
  content: Buffer,
  uid: number,
  gid: number,
): Promise<void> {
  await using file = await open(directory.entry(fileName), 'wx', 0o600);
  await file.writeFile(content);
  await file.chown(uid, gid);
}

/** The session's directory is the user's: what he put there is never followed, only replaced. */
async function replaceCredential(
  parent: HeldDirectory,
  made: HeldDirectory,
  { uid, sessionId }: WriteSessionRequest,
): Promise<void> {
  await using there = await holdBeneath(parent, sessionId);
  if ((await there.handle.stat()).uid !== uid) {
    throw new XosError('XOS_EXISTS', { what: 'A session directory of another user,', name: sessionId });
  }
  await moveEntry(made, fileName, there, fileName);
}

/** Removes a session's directory with all the user put there. False when there was none. */
export async function removeSession(request: RemoveSessionRequest, root: string): Promise<boolean> {
  const path = `${root}/${request.uid}`;
  try {
    await using top = await holdDirectoryIfThere(root);
    if (top === undefined) return false;
    await using parent = await holdBeneathIfThere(top, String(request.uid));
    if (parent === undefined) return false;
    const removed = await removeWhole(parent, path, Buffer.from(request.sessionId));
    await removeIfEmpty(top, String(request.uid));
    return removed;
  } catch (error) {
    throw storageError(error, 'remove the session', `${path}/${request.sessionId}`);
  }
}

/** Session directories of uids above `afterUid`, by rising uid, whole uids until the page is full. */
export async function listSessions(
  { afterUid }: ListSessionsRequest,
  root: string,
): Promise<ListSessionsReply> {
  const sessions: { uid: number; sessionId: string }[] = [];
  try {
    await using top = await holdDirectoryIfThere(root);
    if (top === undefined) return { sessions, isMore: false };
    const uids = (await uidsOf(top)).filter((uid) => uid > afterUid);
    for (const uid of uids) {
      if (sessions.length >= sessionsPerPage) return { sessions, isMore: true };
      await using parent = await holdBeneathIfThere(top, String(uid));
      if (parent === undefined) continue;
      let count = 0;
      for await (const name of entryNames(parent)) {
        if (name[0] === unfinished) continue;
        sessions.push({ uid, sessionId: name.toString() });
        if (++count === sessionsPerPage) break;
      }
    }
    return { sessions, isMore: false };
  } catch (error) {
    throw storageError(error, 'list the sessions', root);
  }
}

/** Removes what a helper that was killed had not finished making or removing. Before any request is served. */
export async function removeUnfinishedSessions(root: string): Promise<void> {
  await using top = await holdDirectoryIfThere(root);
  if (top === undefined) return;
  for (const uid of await uidsOf(top)) {
    await using parent = await holdBeneathIfThere(top, String(uid));
    if (parent === undefined) continue;
    for await (const name of entryNames(parent)) {
      if (name[0] === unfinished) await removeEntry(parent, `${root}/${uid}`, name, everything);
    }
    await removeIfEmpty(top, String(uid));
  }
}

async function uidsOf(top: HeldDirectory): Promise<number[]> {
  const uids: number[] = [];
  for await (const name of entryNames(top)) {
    const text = name.toString();
    if (/^[1-9][0-9]{0,9}$/.test(text)) uids.push(Number(text));
  }
  return uids.sort((one, other) => one - other);
}

/** Removes all sessions of a uid; how many there were. */
export async function removeSessions(uid: number, root: string): Promise<number> {
  await using top = await holdDirectoryIfThere(root);
  if (top === undefined) return 0;
  await using parent = await holdBeneathIfThere(top, String(uid));
  if (parent === undefined) return 0;
  let removed = 0;
  for await (const name of entryNames(parent)) {
    if (await removeWhole(parent, `${root}/${uid}`, name)) removed++;
  }
  await removeIfEmpty(top, String(uid));
  return removed;
}

/** First out of the way, so that a user who keeps making files there holds up nothing but himself. */
async function removeWhole(parent: HeldDirectory, path: string, name: Buffer): Promise<boolean> {
  if ((await lstatEntry(parent, name)) === undefined) return false;
  const away = `.removed.${randomBytes(6).toString('hex')}`;
  await moveEntry(parent, name, parent, away);
  const report = await removeEntry(parent, path, away, everything);
  if (report.problems.length > 0) throw new Error(report.problems.join('; '));
  return true;
}

async function removeIfEmpty(top: HeldDirectory, name: string): Promise<void> {
  try {
    await rmdirEntry(top, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
  }
}
