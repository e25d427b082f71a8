import { randomBytes } from 'node:crypto';
import { isGroupName, isLoginName, isManagedGid, isManagedUid } from './account-name.ts';
import { crc32c } from './crc32c.ts';
import { PATH_MAX_BYTES } from './generated/codec.ts';
import { type HalfSipKey, halfSipHash } from './half-sip-hash.ts';
import {
  bucketBytes,
  bucketCountFor,
  bucketCrcOffset,
  bucketEntries,
  bucketMetaOffset,
  bucketOverflow,
  flagEnumerate,
  groupRecord,
  headerBytes,
  headerOffset,
  kindGroup,
  kindPasswd,
  mapMagic,
  mapVersion,
  passwdRecord,
  recordAlignment,
  recordHeadBytes,
} from './nss-map-format.ts';

/** One account of the map. Its private group (gid = uid, the same name, no members) needs no entry in `groups`. */
export interface NssMapPasswd {
  /** login name, at most 32 bytes */
  readonly name: string;
  /** UID_MIN..UID_MAX */
  readonly uid: number;
  /** the uid (private group) or GID_MIN..GID_MAX */
  readonly gid: number;
  /** no colon or control character, at most 1024 bytes; so are home and shell */
  readonly gecos: string;
  /** absolute path */
  readonly home: string;
  /** absolute path */
  readonly shell: string;
  /** supplementary gids for initgroups; the primary one may be left out */
  readonly groups: readonly number[];
}

export interface NssMapGroup {
  readonly name: string;
  /** GID_MIN..GID_MAX */
  readonly gid: number;
  /** login names shown by getgrnam; initgroups takes `groups` of the account instead, so a long list may be left empty */
  readonly members: readonly string[];
}

export interface NssMapContent {
  readonly passwd: readonly NssMapPasswd[];
  readonly groups: readonly NssMapGroup[];
  /** grows with every publication; shown by tools, not judged */
  readonly generation?: number;
  /** whether getpwent and getgrent list the map; default false */
  readonly enumerate?: boolean;
}

/** Where a record begins, and the two hashes under which it is found. */
interface Indexed {
  readonly nameHash: Uint32Array;
  readonly idHash: Uint32Array;
  readonly offset: Uint32Array;
}

/**
 * The bytes of the NSS map file (docs/module-protocol.md). Throws RangeError, naming the account, on an id outside the managed
 * ranges, a name that no login or group name can be, a field that passwd(5) cannot hold, and on a name or id given twice.
 * 100,000 accounts take about 0.3 s of an idle core and 15 MB.
 *
 * @param key hash key of the file; fixed only in tests
 */
export function writeNssMap(content: NssMapContent, key: Uint8Array = randomBytes(8)): Buffer {
  const steps = nssMapSteps(content, key);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** `writeNssMap` in steps of some milliseconds at most, for a caller that has others to answer in between. */
export function* nssMapSteps(
  content: NssMapContent,
  key: Uint8Array = randomBytes(8),
): Generator<void, Buffer, void> {
  yield* check(content);
  const { passwd, groups } = content;
  const passwdBuckets = bucketCountFor(passwd.length);
  const groupBuckets = bucketCountFor(groups.length);
  const passwdStart = headerBytes + 2 * (passwdBuckets + groupBuckets) * bucketBytes;
  const groupStart = passwdStart + sum(passwd, passwdRecordBytes);
  const fileBytes = groupStart + sum(groups, groupRecordBytes);
  if (fileBytes > 0xfffffff8)
    throw new RangeError(`an NSS map of ${fileBytes} bytes exceeds the format's 4 GiB`);

  const file = Buffer.alloc(fileBytes);
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const keyView = new DataView(key.buffer, key.byteOffset, key.length);
  const hashKey: HalfSipKey = { low: keyView.getUint32(0, true), high: keyView.getUint32(4, true) };
  const passwdIndex = yield* writeRecords(
    view,
    hashKey,
    passwdStart,
    passwd,
    passwdRecord.uid,
    (offset, entry) => writePasswd(file, view, offset, entry),
  );
  const groupIndex = yield* writeRecords(
    view,
    hashKey,
    groupStart,
    groups,
    groupRecord.gid,
    (offset, entry) => writeGroup(file, view, offset, entry),
  );

  file.write(mapMagic, 0, 'latin1');
  view.setUint32(headerOffset.version, mapVersion, true);
  view.setUint32(headerOffset.headerBytes, headerBytes, true);
  view.setBigUint64(headerOffset.fileBytes, BigInt(fileBytes), true);
  view.setUint32(headerOffset.flags, content.enumerate === true ? flagEnumerate : 0, true);
  view.setBigUint64(headerOffset.generation, BigInt(content.generation ?? 0), true);
  file.set(key.subarray(0, 8), headerOffset.hashKey);
  let start = headerBytes;
  for (const [table, hashes, offsets, buckets] of [
    [0, passwdIndex.nameHash, passwdIndex.offset, passwdBuckets],
    [1, passwdIndex.idHash, passwdIndex.offset, passwdBuckets],
    [2, groupIndex.nameHash, groupIndex.offset, groupBuckets],
    [3, groupIndex.idHash, groupIndex.offset, groupBuckets],
  ] as const) {
    view.setUint32(headerOffset.indexes + table * 8, start, true);
    view.setUint32(headerOffset.indexes + table * 8 + 4, buckets, true);
    yield* writeIndex(view, start, buckets, hashes, offsets);
    start += buckets * bucketBytes;
  }
  view.setUint32(headerOffset.passwdRegion, passwdStart, true);
  view.setUint32(headerOffset.passwdRegion + 4, groupStart - passwdStart, true);
  view.setUint32(headerOffset.groupRegion, groupStart, true);
  view.setUint32(headerOffset.groupRegion + 4, fileBytes - groupStart, true);
  view.setUint32(headerOffset.passwdCount, passwd.length, true);
  view.setUint32(headerOffset.groupCount, groups.length, true);
  view.setUint32(headerOffset.crc, crc32c(view, 0, headerOffset.crc), true);
  return file;
}

/** Between two steps: about a millisecond. */
const entriesPerStep = 256;

const aligned = (bytes: number): number => Math.ceil(bytes / recordAlignment) * recordAlignment;
const length = (text: string): number => Buffer.byteLength(text);

function sum<Entry>(entries: readonly Entry[], bytes: (entry: Entry) => number): number {
  let total = 0;
  for (const entry of entries) total += bytes(entry);
  return total;
}

function passwdRecordBytes(entry: NssMapPasswd): number {
  const texts = entry.name.length + length(entry.gecos) + length(entry.home) + length(entry.shell);
  return aligned(recordHeadBytes + entry.groups.length * 4 + texts + 4);
}

function groupRecordBytes(entry: NssMapGroup): number {
  return aligned(recordHeadBytes + entry.name.length + 1 + memberBytes(entry));
}

const memberBytes = (entry: NssMapGroup): number => sum(entry.members, (member) => member.length + 1);

/** Writes every record by write (which answers its length), seals it with its CRC, and remembers where it is. */
function* writeRecords<Entry>(
  view: DataView,
  key: HalfSipKey,
  start: number,
  entries: readonly (Entry & { readonly name: string })[],
  idOffset: number,
  write: (offset: number, entry: Entry) => { readonly nameOffset: number; readonly bytes: number },
): Generator<void, Indexed, void> {
  const index: Indexed = {
    nameHash: new Uint32Array(entries.length),
    idHash: new Uint32Array(entries.length),
    offset: new Uint32Array(entries.length),
  };
  let offset = start;
  for (const [number, entry] of entries.entries()) {
    if (number % entriesPerStep === 0) yield;
    const { nameOffset, bytes } = write(offset, entry);
    view.setUint32(offset + passwdRecord.bytes, bytes, true);
    view.setUint32(offset, crc32c(view, offset + passwdRecord.bytes, offset + bytes), true);
    index.nameHash[number] = halfSipHash(key, view, nameOffset, nameOffset + entry.name.length);
    index.idHash[number] = halfSipHash(key, view, offset + idOffset, offset + idOffset + 4);
    index.offset[number] = offset;
    offset += bytes;
  }
  return index;
}

function writePasswd(file: Buffer, view: DataView, offset: number, entry: NssMapPasswd) {
  view.setUint32(offset + passwdRecord.uid, entry.uid, true);
  view.setUint32(offset + passwdRecord.gid, entry.gid, true);
  view.setUint32(offset + passwdRecord.groupCount, entry.groups.length, true);
  view.setUint32(offset + passwdRecord.kind, kindPasswd, true);
  let at = offset + recordHeadBytes;
  for (const gid of entry.groups) {
    view.setUint32(at, gid, true);
    at += 4;
  }
  const nameOffset = at;
  for (const [field, text] of [
    [passwdRecord.nameBytes, entry.name],
    [passwdRecord.gecosBytes, entry.gecos],
    [passwdRecord.homeBytes, entry.home],
    [passwdRecord.shellBytes, entry.shell],
  ] as const) {
    const bytes = file.write(text, at);
    view.setUint16(offset + field, bytes, true);
    at += bytes + 1;
  }
  return { nameOffset, bytes: aligned(at - offset) };
}

function writeGroup(file: Buffer, view: DataView, offset: number, entry: NssMapGroup) {
  view.setUint32(offset + groupRecord.gid, entry.gid, true);
  view.setUint32(offset + groupRecord.memberCount, entry.members.length, true);
  view.setUint32(offset + groupRecord.memberBytes, memberBytes(entry), true);
  view.setUint16(offset + groupRecord.nameBytes, entry.name.length, true);
  view.setUint32(offset + groupRecord.kind, kindGroup, true);
  const nameOffset = offset + recordHeadBytes;
  let at = nameOffset + file.write(entry.name, nameOffset, 'latin1') + 1;
  for (const member of entry.members) at += file.write(member, at, 'latin1') + 1;
  return { nameOffset, bytes: aligned(at - offset) };
}

/** Fills the buckets; an entry whose bucket is full goes to the next that is not, marking those it passes. */
function* writeIndex(
  view: DataView,
  start: number,
  buckets: number,
  hashes: Uint32Array,
  offsets: Uint32Array,
): Generator<void, void, void> {
  for (let entry = 0; entry < hashes.length; entry++) {
    if (entry % entriesPerStep === 0) yield;
    const hash = hashes[entry] as number;
    for (let bucket = hash & (buckets - 1); ; bucket = (bucket + 1) & (buckets - 1)) {
      const at = start + bucket * bucketBytes;
      const meta = view.getUint32(at + bucketMetaOffset, true);
      const used = meta & 0xff;
      if (used < bucketEntries) {
        view.setUint32(at + used * 8, hash, true);
        view.setUint32(at + used * 8 + 4, offsets[entry] as number, true);
        view.setUint32(at + bucketMetaOffset, meta + 1, true);
        break;
      }
      view.setUint32(at + bucketMetaOffset, (meta | bucketOverflow) >>> 0, true);
    }
  }
  for (let at = start; at < start + buckets * bucketBytes; at += bucketBytes) {
    if ((at - start) % (bucketBytes * entriesPerStep) === 0) yield;
    view.setUint32(at + bucketCrcOffset, crc32c(view, at, at + bucketCrcOffset), true);
  }
}

/** Sorted ids in an array: a fifth of the time of a set of 100,000. */
function refuseSharedIds(content: NssMapContent): void {
  const ids = new Float64Array(content.passwd.length + content.groups.length);
  content.passwd.forEach((entry, index) => {
    ids[index] = entry.uid;
  });
  content.groups.forEach((entry, index) => {
    ids[content.passwd.length + index] = entry.gid;
  });
  ids.sort();
  const shared = ids.find((id, index) => id === ids[index + 1]);
  if (shared === undefined) return;
  const names = [
    ...content.passwd.filter(({ uid }) => uid === shared),
    ...content.groups.filter(({ gid }) => gid === shared),
  ].map(({ name }) => name);
  throw new RangeError(`NSS map: the id ${shared} is given twice: ${names.join(', ')}`);
}

function* check(content: NssMapContent): Generator<void, void, void> {
  const names = new Set<string>();
  const once = (name: string): void => {
    if (names.has(name)) throw new RangeError(`NSS map: the name ${name} is given twice`);
    names.add(name);
  };
  refuseSharedIds(content);
  for (const [number, entry] of content.passwd.entries()) {
    if (number % entriesPerStep === 0) yield;
    if (!isLoginName(entry.name)) {
      throw new RangeError(
        `NSS map: ${JSON.stringify(entry.name)} is not a login name (user@alias, 32 bytes)`,
      );
    }
    once(entry.name);
    if (!isManagedUid(entry.uid)) {
      throw new RangeError(`NSS map: account ${entry.name}: uid ${entry.uid} is outside the managed range`);
    }
    for (const gid of [entry.gid, ...entry.groups]) {
      if (gid !== entry.uid && !isManagedGid(gid)) {
        throw new RangeError(`NSS map: account ${entry.name}: gid ${gid} is outside the managed range`);
      }
    }
    for (const field of ['gecos', 'home', 'shell'] as const) {
      const text = entry[field];
      if (unfitForPasswd.test(text) || length(text) > PATH_MAX_BYTES || !text.isWellFormed()) {
        throw new RangeError(
          `NSS map: account ${entry.name}: ${field} ${JSON.stringify(text)} does not fit passwd(5)`,
        );
      }
    }
  }
  for (const entry of content.groups) {
    if (!isGroupName(entry.name)) {
      throw new RangeError(`NSS map: ${JSON.stringify(entry.name)} is not a group name (group@alias)`);
    }
    once(entry.name);
    if (!isManagedGid(entry.gid)) {
      throw new RangeError(`NSS map: group ${entry.name}: gid ${entry.gid} is outside the managed range`);
    }
    const stranger = entry.members.find((member) => !isLoginName(member));
    if (stranger !== undefined) {
      throw new RangeError(
        `NSS map: group ${entry.name}: member ${JSON.stringify(stranger)} is not a login name`,
      );
    }
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const unfitForPasswd = /[:\u0000-\u001f\u007f]/;
