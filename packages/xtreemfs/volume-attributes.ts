/** Attributes of a volume by which mkfs.xtreemfs and `xos volume` tell an MRC its settings (docs/xtreemfs-protocol.md). */
export const volumeAttributes = {
  vo: 'xtreemos.vo',
  foreignHosts: 'xtreemos.foreign_hosts',
  /** `random`, `free-space`, or UUIDs of OSDs. */
  placement: 'xtreemos.osd_selection',
  quotaFiles: 'xtreemos.quota_files',
  userQuota: 'xtreemos.user_quota',
  userQuotas: 'xtreemos.user_quotas',
  /** `noatime` or `relatime`. */
  accessTimes: 'xtreemos.access_times',
  /** `close-to-open` or `strict`. */
  consistency: 'xtreemos.consistency',
  /** Told with a volume, never set: `BYTES/FILES`. */
  used: 'xtreemos.used',
} as const;
