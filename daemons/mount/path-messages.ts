/** Attributes as XtreemFS's own calls have them, and as node calls do. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type AttributesSchema,
  type SetattrRequest,
  Setattrs,
  type Stat,
  type StatSchema,
} from '@xtreemos/rpc';
import { Failure } from './call-failure.ts';

let asked = 0n;

/** To be taken before attributes are asked for: such servers do not number their changes, so what was asked for later counts. */
export function nextChange(): bigint {
  return ++asked;
}

/** @throws Failure EIO when the server sent none */
export function attributesOf(stat: Stat | undefined, change = 0n) {
  if (stat === undefined) throw new Failure('EIO', 'the MRC sent no attributes');
  const { ino, mode, nlink, userId, groupId, size, atimeNs, mtimeNs, ctimeNs, truncateEpoch } = stat;
  return {
    node: ino,
    mode,
    nlink,
    owner: userId,
    group: groupId,
    size,
    atimeNs,
    mtimeNs,
    ctimeNs,
    generation: 1,
    truncateEpoch,
    change,
  } satisfies MessageInitShape<typeof AttributesSchema>;
}

const noStat = {
  dev: 0n,
  ino: 0n,
  mode: 0,
  nlink: 0,
  userId: '',
  groupId: '',
  size: 0n,
  atimeNs: 0n,
  mtimeNs: 0n,
  ctimeNs: 0n,
  blksize: 0,
  truncateEpoch: 0,
};

type Changes = Partial<
  Pick<SetattrRequest, 'mode' | 'owner' | 'group' | 'atimeNs' | 'mtimeNs' | 'atimeNow' | 'mtimeNow'>
>;

/** What is there of the request, but the size. @param nowNs nanoseconds since 1970; times before are said as 0 */
export function changesOf(request: Changes, nowNs: bigint) {
  const { mode, owner, group } = request;
  const [atimeNs, mtimeNs] = [
    request.atimeNow === true ? nowNs : request.atimeNs,
    request.mtimeNow === true ? nowNs : request.mtimeNs,
  ];
  const timeOf = (ns: bigint) => (ns < 0n ? 0n : ns);
  const stbuf: MessageInitShape<typeof StatSchema> = {
    ...noStat,
    ...(mode === undefined ? {} : { mode: mode & 0o7777 }),
    ...(owner === undefined ? {} : { userId: owner }),
    ...(group === undefined ? {} : { groupId: group }),
    ...(atimeNs === undefined ? {} : { atimeNs: timeOf(atimeNs) }),
    ...(mtimeNs === undefined ? {} : { mtimeNs: timeOf(mtimeNs) }),
  };
  const toSet =
    (mode === undefined ? 0 : Setattrs.SETATTR_MODE) |
    (owner === undefined ? 0 : Setattrs.SETATTR_UID) |
    (group === undefined ? 0 : Setattrs.SETATTR_GID) |
    (atimeNs === undefined ? 0 : Setattrs.SETATTR_ATIME) |
    (mtimeNs === undefined ? 0 : Setattrs.SETATTR_MTIME);
  return { stbuf, toSet };
}
