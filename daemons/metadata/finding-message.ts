/** Findings of a check, as they travel to the administrator and, to be repaired, back. */
import type { CheckVolumeResponse_Finding } from '@xtreemos/rpc';
import { safeNumber } from './call-refusal.ts';
import type { Finding, FindingKind } from './volume-check-step.ts';

export function findingMessage({ kind, node = 0, path = '', osd = '', detail, entry, counted }: Finding) {
  return {
    kind,
    node: BigInt(node),
    path,
    osd,
    detail,
    ...(entry === undefined
      ? {}
      : { directory: BigInt(entry.directory), name: entry.name, cookie: BigInt(entry.cookie ?? 0) }),
    ...(counted === undefined ? {} : { change: BigInt(counted.change), names: BigInt(counted.names) }),
  };
}

/** @throws RpcError EINVAL */
export function findingOf(message: CheckVolumeResponse_Finding): Finding {
  const { kind, node, path, osd, detail, directory, name, cookie, change, names } = message;
  return {
    kind: kind as FindingKind,
    detail,
    ...(node === 0n ? {} : { node: safeNumber(node, 'node') }),
    ...(path === '' ? {} : { path }),
    ...(osd === '' ? {} : { osd }),
    ...(name.length === 0
      ? {}
      : {
          entry: {
            directory: safeNumber(directory, 'directory'),
            name: Buffer.from(name),
            ...(cookie === 0n ? {} : { cookie: safeNumber(cookie, 'cookie') }),
          },
        }),
    ...(change === 0n
      ? {}
      : { counted: { change: safeNumber(change, 'change'), names: safeNumber(names, 'names') } }),
  };
}
