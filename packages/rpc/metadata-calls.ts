import { callsOf } from './call.ts';
import { emptyRequestSchema, emptyResponseSchema, XCapSchema, XLocSetSchema } from './generated/common_pb.js';
import * as messages from './generated/metadata_pb.js';
import * as own from './generated/node_pb.js';

const call = callsOf('mrc', 20001);

/** XtreemFS's own calls of the MRC, by paths; those on replicas come with replication. */
export const metadataCalls = {
  fsetattr: call('fsetattr', 2, messages.fsetattrRequestSchema, emptyResponseSchema),
  ftruncate: call('ftruncate', 3, XCapSchema, XCapSchema),
  getattr: call('getattr', 4, messages.getattrRequestSchema, messages.getattrResponseSchema),
  getxattr: call('getxattr', 5, messages.getxattrRequestSchema, messages.getxattrResponseSchema),
  link: call('link', 6, messages.linkRequestSchema, messages.timestampResponseSchema),
  listxattr: call('listxattr', 7, messages.listxattrRequestSchema, messages.listxattrResponseSchema),
  mkdir: call('mkdir', 8, messages.mkdirRequestSchema, messages.timestampResponseSchema),
  open: call('open', 9, messages.openRequestSchema, messages.openResponseSchema),
  readdir: call('readdir', 10, messages.readdirRequestSchema, messages.DirectoryEntriesSchema),
  readlink: call('readlink', 11, messages.readlinkRequestSchema, messages.readlinkResponseSchema),
  removexattr: call('removexattr', 12, messages.removexattrRequestSchema, messages.timestampResponseSchema),
  rename: call('rename', 13, messages.renameRequestSchema, messages.renameResponseSchema),
  rmdir: call('rmdir', 14, messages.rmdirRequestSchema, messages.timestampResponseSchema),
  setattr: call('setattr', 15, messages.setattrRequestSchema, messages.timestampResponseSchema),
  setxattr: call('setxattr', 16, messages.setxattrRequestSchema, messages.timestampResponseSchema),
  statvfs: call('statvfs', 17, messages.statvfsRequestSchema, messages.StatVFSSchema),
  symlink: call('symlink', 18, messages.symlinkRequestSchema, messages.timestampResponseSchema),
  unlink: call('unlink', 19, messages.unlinkRequestSchema, messages.unlinkResponseSchema),
  access: call('access', 20, messages.accessRequestSchema, emptyResponseSchema),
  checkFileExists: call(
    'check_file_exists',
    31,
    messages.xtreemfs_check_file_existsRequestSchema,
    messages.xtreemfs_check_file_existsResponseSchema,
  ),
  getSuitableOsds: call(
    'get_suitable_osds',
    33,
    messages.xtreemfs_get_suitable_osdsRequestSchema,
    messages.xtreemfs_get_suitable_osdsResponseSchema,
  ),
  lsvol: call('lsvol', 36, emptyRequestSchema, messages.VolumesSchema),
  renewCapability: call('renew_capability', 37, XCapSchema, XCapSchema),
  rmvol: call('rmvol', 44, messages.xtreemfs_rmvolRequestSchema, emptyResponseSchema),
  updateFileSize: call(
    'update_file_size',
    46,
    messages.xtreemfs_update_file_sizeRequestSchema,
    messages.timestampResponseSchema,
  ),
  mkvol: call('mkvol', 47, messages.VolumeSchema, emptyResponseSchema),
  getXlocset: call('get_xlocset', 51, messages.xtreemfs_get_xlocsetRequestSchema, XLocSetSchema),
  clearVouchers: call(
    'clear_vouchers',
    52,
    messages.xtreemfs_clear_vouchersRequestSchema,
    emptyResponseSchema,
  ),
  renewCapabilityAndVoucher: call(
    'renew_capability_and_voucher',
    53,
    messages.xtreemfs_renew_capabilityRequestSchema,
    XCapSchema,
  ),
} as const;

/** Our own calls of the MRC, by the numbers of files. */
export const nodeCalls = {
  attach: call('node_attach', 1001, own.AttachRequestSchema, own.AttachResponseSchema),
  lookup: call('node_lookup', 1002, own.LookupRequestSchema, own.EntrySchema),
  getattr: call('node_getattr', 1003, own.NodeRequestSchema, own.AttributesResponseSchema),
  setattr: call('node_setattr', 1004, own.SetattrRequestSchema, own.SetattrResponseSchema),
  readlink: call('node_readlink', 1005, own.NodeRequestSchema, own.ReadlinkResponseSchema),
  mknod: call('node_mknod', 1006, own.MakeRequestSchema, own.EntrySchema),
  mkdir: call('node_mkdir', 1007, own.MakeRequestSchema, own.EntrySchema),
  symlink: call('node_symlink', 1008, own.MakeRequestSchema, own.EntrySchema),
  unlink: call('node_unlink', 1009, own.RemoveRequestSchema, own.RemoveResponseSchema),
  rmdir: call('node_rmdir', 1010, own.RemoveRequestSchema, own.RemoveResponseSchema),
  rename: call('node_rename', 1011, own.NodeRenameRequestSchema, own.NodeEmptyResponseSchema),
  link: call('node_link', 1012, own.NodeLinkRequestSchema, own.EntrySchema),
  open: call('node_open', 1013, own.NodeOpenRequestSchema, own.NodeOpenResponseSchema),
  create: call('node_create', 1014, own.CreateRequestSchema, own.CreateResponseSchema),
  close: call('node_close', 1015, own.UpdateRequestSchema, own.NodeEmptyResponseSchema),
  readdir: call('node_readdir', 1016, own.NodeReaddirRequestSchema, own.NodeReaddirResponseSchema),
  getxattr: call('node_getxattr', 1017, own.NodeXattrRequestSchema, own.NodeXattrResponseSchema),
  setxattr: call('node_setxattr', 1018, own.NodeXattrRequestSchema, own.NodeEmptyResponseSchema),
  listxattr: call('node_listxattr', 1019, own.NodeRequestSchema, own.NodeListxattrResponseSchema),
  removexattr: call('node_removexattr', 1020, own.NodeXattrRequestSchema, own.NodeEmptyResponseSchema),
  access: call('node_access', 1021, own.NodeAccessRequestSchema, own.NodeEmptyResponseSchema),
  statfs: call('node_statfs', 1022, own.NodeStatfsRequestSchema, own.NodeStatfsResponseSchema),
  updateSize: call('node_update_size', 1023, own.UpdateRequestSchema, own.AttributesResponseSchema),
  tmpfile: call('node_tmpfile', 1024, own.MakeRequestSchema, own.CreateResponseSchema),
  renew: call('node_renew', 1025, own.RenewRequestSchema, own.RenewResponseSchema),
  changes: call('node_changes', 1026, own.ChangesRequestSchema, own.ChangesResponseSchema),
  keepAlive: call('node_keep_alive', 1027, own.KeepAliveRequestSchema, own.KeepAliveResponseSchema),
  changeVolume: call('change_volume', 1029, own.ChangeVolumeRequestSchema, own.NodeEmptyResponseSchema),
  checkVolume: call('check_volume', 1030, own.CheckVolumeRequestSchema, own.CheckVolumeResponseSchema),
  repairVolume: call('repair_volume', 1031, own.RepairVolumeRequestSchema, own.RepairVolumeResponseSchema),
  appendTurn: call('node_append_turn', 1028, own.AppendTurnRequestSchema, own.AppendTurnResponseSchema),
} as const;
