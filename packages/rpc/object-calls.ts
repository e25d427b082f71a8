import { callsOf } from './call.ts';
import { encodeRead, encodeSync, encodeWrite } from './credential-bytes.ts';
import {
  emptyRequestSchema,
  emptyResponseSchema,
  OSDFinalizeVouchersResponseSchema,
  OSDWriteResponseSchema,
} from './generated/common_pb.js';
import * as own from './generated/object-io_pb.js';
import * as messages from './generated/objects_pb.js';

const call = callsOf('osd', 30001);

/** The calls of the OSD that concern one replica; those between replicas come with replication. */
export const objectCalls = {
  read: call('read', 10, messages.readRequestSchema, messages.ObjectDataSchema, { encode: encodeRead }),
  truncate: call('truncate', 11, messages.truncateRequestSchema, OSDWriteResponseSchema),
  unlink: call('unlink', 12, messages.unlink_osd_RequestSchema, emptyResponseSchema),
  write: call('write', 13, messages.writeRequestSchema, OSDWriteResponseSchema, {
    takesData: true,
    encode: encodeWrite,
  }),
  checkObject: call(
    'check_object',
    21,
    messages.xtreemfs_check_objectRequestSchema,
    messages.ObjectDataSchema,
  ),
  finalizeVouchers: call(
    'finalize_vouchers',
    22,
    messages.xtreemfs_finalize_vouchersRequestSchema,
    OSDFinalizeVouchersResponseSchema,
  ),
  internalGetGmax: call(
    'internal_get_gmax',
    40,
    messages.xtreemfs_internal_get_gmaxRequestSchema,
    messages.InternalGmaxSchema,
  ),
  internalTruncate: call('internal_truncate', 41, messages.truncateRequestSchema, OSDWriteResponseSchema),
  internalGetFileSize: call(
    'internal_get_file_size',
    42,
    messages.xtreemfs_internal_get_file_sizeRequestSchema,
    messages.xtreemfs_internal_get_file_sizeResponseSchema,
  ),
  internalGetFileIdList: call(
    'internal_get_fileid_list',
    45,
    emptyRequestSchema,
    messages.xtreemfs_internal_get_fileid_listResponseSchema,
  ),
  lockAcquire: call('lock_acquire', 50, messages.lockRequestSchema, messages.LockSchema),
  lockCheck: call('lock_check', 51, messages.lockRequestSchema, messages.LockSchema),
  lockRelease: call('lock_release', 52, messages.lockRequestSchema, emptyResponseSchema),
  sync: call('sync', 1001, own.SyncRequestSchema, own.SyncResponseSchema, { encode: encodeSync }),
  allocate: call('allocate', 1002, own.AllocateRequestSchema, own.AllocateResponseSchema),
  seek: call('seek', 1003, own.SeekRequestSchema, own.SeekResponseSchema),
  unlinkFiles: call('unlink_files', 1005, own.UnlinkFilesRequestSchema, own.UnlinkFilesResponseSchema),
  space: call('space', 1006, own.SpaceRequestSchema, own.SpaceResponseSchema),
  listFiles: call('list_files', 1004, own.ListFilesRequestSchema, own.ListFilesResponseSchema),
} as const;
