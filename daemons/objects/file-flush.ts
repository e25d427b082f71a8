import type { FileContext } from './file-context.ts';
import { blockPosition, blocksPerGroup, directoryOf, groupPosition } from './file-layout.ts';
import { rowsOf } from './placed-blocks.ts';
import type { StoredFile } from './stored-file.ts';

/**
 * Makes all that was written to a file before durable: an fdatasync of the file where blocks were placed in it, then one of
 * the log, which all callers of that moment share.
 */
export async function syncFile(context: FileContext, file: StoredFile): Promise<void> {
  await syncPlaced(context, file);
  await context.log.durable(file.lastSequence);
}

/** Who comes while an fdatasync runs waits for the next one, all together. */
export function syncPlaced(context: FileContext, file: StoredFile): Promise<void> {
  if (file.runningSync === undefined) {
    file.runningSync = syncPlacedNow(context, file).finally(() => {
      file.runningSync = undefined;
    });
    return file.runningSync;
  }
  file.nextSync ??= file.runningSync
    .catch(() => undefined)
    .then(() => {
      file.nextSync = undefined;
      return syncPlaced(context, file);
    });
  return file.nextSync;
}

/** Blocks placed in the file become durable, and only then do their checksums count. */
async function syncPlacedNow(context: FileContext, file: StoredFile): Promise<void> {
  if (file.failure !== undefined) throw file.failure;
  if (file.placed.size === 0 || file.file === undefined) return;
  const synced = file.placed.copy();
  const cutBefore = file.lastCutSequence;
  await syncContent(context, file);
  // A block that was cut off and placed anew with the same content looks as if it had been synced.
  if (file.lastCutSequence !== cutBefore) return syncPlacedNow(context, file);
  let sequence = 0;
  for (const [group, checksums] of synced) {
    // What was overwritten or cut meanwhile has a newer record.
    if (!file.placed.retain(group, checksums)) synced.delete(group);
    for (const [from, to] of rowsOf(checksums, context.mostBlocksPerRecord)) {
      const { fileId, localBytes, truncateEpoch, striping } = file;
      const appended = context.log.append(
        {
          kind: 'synced',
          fileId,
          localBytes,
          truncateEpoch,
          striping,
          firstBlock: group * blocksPerGroup + from,
          blockCount: to - from,
          checksums: checksums.slice(from, to),
          blocks: [],
        },
        0,
      );
      sequence = appended.sequence;
      file.lastSequence = sequence;
    }
  }
  if (sequence === 0) return;
  await context.log.durable(sequence);
  for (const [group, checksums] of synced)
    await file.checksums.set(group, (page) => file.placed.move(group, checksums, page));
}

/** Writes to the file what the log holds for it and makes it durable there: nothing of it is needed from the log any more. */
export async function flushFile(context: FileContext, file: StoredFile): Promise<void> {
  const release = await file.stateLock.acquire(0, 1);
  try {
    await flushLocked(context, file);
  } finally {
    release();
  }
}

async function flushLocked(context: FileContext, file: StoredFile): Promise<void> {
  // Cuts that are recorded and not yet carried out come first.
  (await file.lock.acquire(0, Number.POSITIVE_INFINITY))();
  await syncPlaced(context, file);
  await context.log.durable(file.lastSequence);
  const { durableSequence } = context.log;
  const logged = [...file.logged].filter(([, { sequence }]) => sequence <= durableSequence);
  const isNeeded =
    logged.length > 0 || file.checksums.dirty.size > 0 || file.headerIsDirty || file.entryIsDirty;
  if (!isNeeded || (!file.exists && file.lastCutSequence === file.lastSequence)) return;
  await file.made();
  for (const run of runsOf(
    logged.map(([block]) => block).sort((one, other) => one - other),
    blocksPerGroup,
  ))
    await writeRun(file, run, durableSequence);
  await writeState(context, file);
}

/** Flushes, and marks the file as one that no record up to now has to be repeated on. */
export async function settleFile(context: FileContext, file: StoredFile): Promise<void> {
  const release = await file.stateLock.acquire(0, 1);
  try {
    await settleLocked(context, file);
  } finally {
    release();
  }
}

async function settleLocked(context: FileContext, file: StoredFile): Promise<void> {
  const sequence = file.lastCutSequence;
  if (sequence <= file.appliedSequence) return;
  await flushLocked(context, file);
  const target = await file.made();
  // A cut since then has its own turn.
  if (file.lastCutSequence !== sequence || sequence <= file.appliedSequence) return;
  const before = file.appliedSequence;
  try {
    file.appliedSequence = sequence;
    await target.write([file.header()], 0);
    await syncContent(context, file);
  } catch (error) {
    file.appliedSequence = before;
    throw error;
  }
}

async function writeRun(file: StoredFile, run: readonly number[], durableSequence: number): Promise<void> {
  const first = run[0] ?? 0;
  const release = await file.lock.acquire(first, first + run.length);
  try {
    const target = file.file;
    // Cut or overwritten while this waited: what is durable and still there is written, the rest has its own turn.
    const blocks = run.flatMap((block) => {
      const logged = file.logged.get(block);
      return logged !== undefined && logged.sequence <= durableSequence ? [{ block, logged }] : [];
    });
    if (target === undefined || blocks.length === 0) return;
    for (const part of runsOf(
      blocks.map(({ block }) => block),
      blocksPerGroup,
    )) {
      const buffers = part.flatMap((block) => file.logged.get(block)?.data ?? []);
      await target.write(buffers, blockPosition(part[0] ?? 0));
    }
    await file.checksums.set(Math.floor(first / blocksPerGroup), (page) => {
      for (const { block } of blocks) {
        const logged = file.logged.get(block);
        if (logged === undefined) continue;
        page[block % blocksPerGroup] = logged.checksum;
        file.logged.delete(block);
      }
    });
  } finally {
    release();
  }
}

/** The checksum pages and the header. */
async function writeState(context: FileContext, file: StoredFile): Promise<void> {
  const target = file.file;
  if (target === undefined) return;
  const header = file.header();
  const pages = [...file.checksums.dirty].flatMap(([group, changes]) => {
    const page = file.checksums.known(group);
    return page === undefined
      ? []
      : [{ group, changes, bytes: Uint8Array.from(new Uint8Array(page.buffer)) }];
  });
  file.headerIsDirty = false;
  try {
    await target.write([header], 0);
    for (const { group, bytes } of pages) await target.write([bytes], groupPosition(group));
    await syncContent(context, file);
    // Not before: a page that is not dirty may be evicted, and read again from the disk.
    for (const { group, changes } of pages)
      if (file.checksums.dirty.get(group) === changes) file.checksums.dirty.delete(group);
  } catch (error) {
    file.headerIsDirty = true;
    throw error;
  }
}

/** The file, and that it is there. */
async function syncContent(context: FileContext, file: StoredFile): Promise<void> {
  const synced = file.file;
  const makesEntry = file.entryIsDirty;
  try {
    await synced?.sync();
  } catch (error) {
    // The kernel takes the pages for clean now, and a second try would succeed without them: what the log holds stays there.
    file.failure ??= error as Error;
    // It may have dropped what this process answered: its successor must not pass for it.
    await context.start.doubt().catch(() => undefined);
    throw error;
  }
  if (!makesEntry) return;
  await context.storage.syncDirectory(directoryOf(file.fileId));
  // Unless it was removed and made anew meanwhile.
  if (file.file === synced) file.entryIsDirty = false;
}

/** Ascending numbers as runs without a gap, none across a group or longer than `most`. */
export function runsOf(blocks: readonly number[], most: number): number[][] {
  const runs: number[][] = [];
  let run: number[] = [];
  for (const block of blocks) {
    const last = run.at(-1);
    const goesOn = last === block - 1 && block % blocksPerGroup !== 0 && run.length < most;
    if (!goesOn && run.length > 0) {
      runs.push(run);
      run = [];
    }
    run.push(block);
  }
  if (run.length > 0) runs.push(run);
  return runs;
}
