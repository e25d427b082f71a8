import type { XLocSet } from '@xtreemos/rpc';
import { checkedStriping, type Striping } from '@xtreemos/xtreemfs';
import { Failure } from './call-failure.ts';

/** Where the content of a file is. */
export interface FileLayout {
  readonly fileId: string;
  readonly striping: Striping;
  /** In the order in which objects go round. */
  readonly osdUuids: readonly string[];
}

/** @throws Failure EOPNOTSUPP for replicas and stripings that this client does not know */
export function layoutOf(fileId: string, xlocs: XLocSet | undefined): FileLayout {
  const replicas = xlocs?.replicas ?? [];
  const [replica] = replicas;
  if (replica === undefined || replicas.length !== 1)
    throw new Failure('EOPNOTSUPP', `the file has ${replicas.length} replicas, only one can be used`);
  const { osdUuids, stripingPolicy: policy } = replica;
  const striping = policy && checkedStriping(policy.stripeSize * 1024, policy.width);
  if (striping === undefined || policy?.type !== 0 || osdUuids.length !== striping.width)
    throw new Failure('EOPNOTSUPP', 'the file is striped in no way that can be used');
  return { fileId, striping, osdUuids };
}
