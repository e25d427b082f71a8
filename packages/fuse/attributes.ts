/** What the kernel keeps of a file. Numbers are safe integers; times are whole seconds and the nanoseconds above them. */
export interface Attributes {
  /** What stat(2) shows; need not be the node id. */
  readonly ino: number | bigint;
  readonly size: number;
  /** Of 512 bytes. */
  readonly blocks: number;
  readonly atimeSeconds: number;
  readonly atimeNanoseconds: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
  readonly ctimeSeconds: number;
  readonly ctimeNanoseconds: number;
  /** Type and permissions, as st_mode. */
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  /** Of devices, as the kernel encodes it (32 bits). */
  readonly rdev: number;
  readonly blockBytes: number;
}

export interface AttributesReply {
  readonly attributes: Attributes;
  /** How long the kernel may answer from its copy. */
  readonly attributesTimeoutNs: number;
}

/** A name that was looked up or made: the kernel holds the node from now on, until it is forgotten as often. */
export interface EntryReply extends AttributesReply {
  /** 1 to 2^53-1, 1 is the root. */
  readonly node: number;
  /** Tells apart files that had the same node id, for handles that outlive the mount (NFS). */
  readonly generation: number;
  readonly entryTimeoutNs: number;
}

/** No such name, and the kernel may remember that for a while; -ENOENT alone is asked again each time. */
export interface NegativeEntry {
  readonly node: 0;
  readonly entryTimeoutNs: number;
}

export interface OpenReply {
  /** Comes back with each request on what was opened; 0 to 2^53-1. */
  readonly handle: number;
  /** Reads and writes pass by the page cache. */
  readonly directIo?: boolean;
  /** Pages cached by earlier openings stay valid. */
  readonly keepCache?: boolean;
  readonly nonseekable?: boolean;
  /** A stream without file position. */
  readonly stream?: boolean;
  /** Listings of this directory may be cached. */
  readonly cacheDirectory?: boolean;
  /** close(2) sends no flush. */
  readonly noFlush?: boolean;
  /** With `directIo`: writes at other offsets need not wait for one another. */
  readonly parallelDirectWrites?: boolean;
}

/** What setattr changes; what is absent stays. */
export interface AttributeChanges {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly size?: number;
  readonly atime?: 'now' | { readonly seconds: number; readonly nanoseconds: number };
  readonly mtime?: 'now' | { readonly seconds: number; readonly nanoseconds: number };
  readonly ctime?: { readonly seconds: number; readonly nanoseconds: number };
  /** Of the opened file by which it was asked. */
  readonly handle?: number;
  readonly lockOwner?: bigint;
  /** With `size`: setuid goes, and setgid where the group may execute. A change of owner does so on every non-directory. */
  readonly killSetIds: boolean;
}

export interface FileSystemStatistics {
  /** In units of `fragmentBytes`. */
  readonly blocks: number;
  readonly freeBlocks: number;
  readonly availableBlocks: number;
  readonly files: number;
  readonly freeFiles: number;
  readonly blockBytes: number;
  readonly fragmentBytes: number;
  readonly nameBytes: number;
}

export interface StatxReply extends AttributesReply {
  /** Absent: the file system keeps none. */
  readonly birth?: { readonly seconds: number; readonly nanoseconds: number };
}
