import { crc32c } from './crc32c.ts';
import {
  flagEnumerate,
  groupRecord,
  headerBytes,
  headerOffset,
  kindGroup,
  kindPasswd,
  mapMagic,
  mapVersion,
  passwdRecord,
  recordHeadBytes,
} from './nss-map-format.ts';
import type { NssMapContent, NssMapGroup, NssMapPasswd } from './nss-map-writer.ts';
import { ProtocolError } from './protocol-error.ts';

/** The first bytes of a map file that `checkNssMapHeader` needs. */
export const nssMapHeaderBytes = headerBytes;

/**
 * Magic, checksum, version and size of a map file of `fileBytes` bytes, from its first `nssMapHeaderBytes`.
 * Throws ProtocolError.
 */
export function checkNssMapHeader(header: Buffer, fileBytes: number): void {
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  if (header.length < headerBytes || header.toString('latin1', 0, 8) !== mapMagic) {
    throw new ProtocolError('this is not an NSS map');
  }
  if (view.getUint32(headerOffset.crc, true) !== crc32c(view, 0, headerOffset.crc)) {
    throw new ProtocolError('the NSS map header has a wrong checksum');
  }
  const version = view.getUint32(headerOffset.version, true);
  if (version !== mapVersion)
    throw new ProtocolError(`the NSS map has version ${version}, not ${mapVersion}`);
  if (view.getBigUint64(headerOffset.fileBytes, true) !== BigInt(fileBytes)) {
    throw new ProtocolError('the NSS map has another size than its header says');
  }
}

/** All of a map file, in its order, for tests and tools. Throws ProtocolError on a wrong checksum or impossible field. */
export function readNssMap(file: Buffer): Required<NssMapContent> {
  checkNssMapHeader(file, file.length);
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  return {
    passwd: [...records(file, view, headerOffset.passwdRegion, kindPasswd)].map((at) =>
      readPasswd(file, view, at),
    ),
    groups: [...records(file, view, headerOffset.groupRegion, kindGroup)].map((at) =>
      readGroup(file, view, at),
    ),
    generation: Number(view.getBigUint64(headerOffset.generation, true)),
    enumerate: (view.getUint32(headerOffset.flags, true) & flagEnumerate) !== 0,
  };
}

function* records(file: Buffer, view: DataView, region: number, kind: number): Generator<number> {
  let at = view.getUint32(region, true);
  const end = at + view.getUint32(region + 4, true);
  if (end > file.length) throw new ProtocolError('a region of the NSS map exceeds the file');
  while (at < end) {
    const bytes = end - at < recordHeadBytes ? 0 : view.getUint32(at + passwdRecord.bytes, true);
    if (bytes < recordHeadBytes || bytes > end - at) {
      throw new ProtocolError(`the NSS map record at ${at} has an impossible length`);
    }
    if (
      view.getUint32(at, true) !== crc32c(view, at + passwdRecord.bytes, at + bytes) ||
      view.getUint32(at + passwdRecord.kind, true) !== kind
    ) {
      throw new ProtocolError(`the NSS map record at ${at} has a wrong checksum or kind`);
    }
    yield at;
    at += bytes;
  }
}

function readPasswd(file: Buffer, view: DataView, at: number): NssMapPasswd {
  const groupCount = view.getUint32(at + passwdRecord.groupCount, true);
  let textAt = at + recordHeadBytes + groupCount * 4;
  const text = (field: number): string => {
    const bytes = view.getUint16(at + field, true);
    const found = file.toString('utf8', textAt, textAt + bytes);
    textAt += bytes + 1;
    return found;
  };
  return {
    name: text(passwdRecord.nameBytes),
    gecos: text(passwdRecord.gecosBytes),
    home: text(passwdRecord.homeBytes),
    shell: text(passwdRecord.shellBytes),
    uid: view.getUint32(at + passwdRecord.uid, true),
    gid: view.getUint32(at + passwdRecord.gid, true),
    groups: Array.from({ length: groupCount }, (_, i) => view.getUint32(at + recordHeadBytes + i * 4, true)),
  };
}

function readGroup(file: Buffer, view: DataView, at: number): NssMapGroup {
  const nameAt = at + recordHeadBytes;
  const nameBytes = view.getUint16(at + groupRecord.nameBytes, true);
  const membersAt = nameAt + nameBytes + 1;
  const members = file
    .toString('latin1', membersAt, membersAt + view.getUint32(at + groupRecord.memberBytes, true))
    .split('\0')
    .slice(0, -1);
  return {
    name: file.toString('latin1', nameAt, nameAt + nameBytes),
    gid: view.getUint32(at + groupRecord.gid, true),
    members,
  };
}
