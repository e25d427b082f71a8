/** Settings of volumes as mkfs.xtreemfs hands them over: names and values in text. Those that are not ours are kept and shown. */
import { volumeAttributes } from '@xtreemos/xtreemfs';
import { refusal } from './errno-error.ts';
import {
  type AccessTimes,
  type Consistency,
  noQuota,
  type Placement,
  type Quota,
  type Volume,
} from './volume.ts';

type Settings = Pick<
  Volume,
  | 'vo'
  | 'foreignHosts'
  | 'placement'
  | 'accessTimes'
  | 'consistency'
  | 'quota'
  | 'userQuota'
  | 'userQuotas'
  | 'attributes'
>;

/** @throws ErrnoError EINVAL */
export function settingsOf(
  texts: Readonly<Record<string, string>>,
  defaults: { readonly vo: string | undefined; readonly quotaBytes: number },
): Settings {
  const known = new Set<string>(Object.values(volumeAttributes));
  if (texts[volumeAttributes.used] !== undefined)
    throw refusal('EINVAL', `${volumeAttributes.used} is told, not set`);
  const vo = texts[volumeAttributes.vo] ?? defaults.vo;
  return {
    ...(vo === undefined ? {} : { vo }),
    foreignHosts: listOf(texts[volumeAttributes.foreignHosts]),
    accessTimes: accessTimesOf(texts[volumeAttributes.accessTimes]),
    consistency: consistencyOf(texts[volumeAttributes.consistency]),
    placement: placementOf(texts[volumeAttributes.placement] ?? 'random'),
    quota: { bytes: defaults.quotaBytes, files: countOf(texts[volumeAttributes.quotaFiles] ?? '0') },
    userQuota: quotaOf(texts[volumeAttributes.userQuota]),
    userQuotas: Object.fromEntries(
      listOf(texts[volumeAttributes.userQuotas]).map((text) => {
        const [user = '', quota] = text.split('=');
        return [user, quotaOf(quota)];
      }),
    ),
    attributes: Object.fromEntries(Object.entries(texts).filter(([key]) => !known.has(key))),
  };
}

/**
 * @param texts new settings; an empty one is taken back
 * @param quotaBytes undefined: as it is
 * @throws ErrnoError EINVAL
 */
export function changedSettings(
  volume: Volume,
  texts: Readonly<Record<string, string>>,
  quotaBytes: bigint | undefined,
): Settings {
  if (Object.hasOwn(texts, volumeAttributes.vo))
    throw refusal('EINVAL', 'a volume stays with its organization: its files are of users of that one');
  const merged = Object.entries({ ...textsOf(volume), ...texts }).filter(([, text]) => text !== '');
  return settingsOf(Object.fromEntries(merged), {
    vo: volume.vo,
    quotaBytes: Number(quotaBytes ?? BigInt(volume.quota.bytes)),
  });
}

export function textsOf(volume: Volume): Readonly<Record<string, string>> {
  const { vo, foreignHosts, placement, accessTimes, consistency, quota, userQuota, userQuotas, attributes } =
    volume;
  const quotas = Object.entries(userQuotas).map(([user, of]) => `${user}=${quotaText(of)}`);
  return {
    ...attributes,
    ...(vo === undefined ? {} : { [volumeAttributes.vo]: vo }),
    ...(foreignHosts.length === 0 ? {} : { [volumeAttributes.foreignHosts]: foreignHosts.join(' ') }),
    [volumeAttributes.placement]: placement.kind === 'uuid' ? placement.uuids.join(' ') : placement.kind,
    ...(accessTimes === 'relatime' ? { [volumeAttributes.accessTimes]: accessTimes } : {}),
    ...(consistency === 'strict' ? { [volumeAttributes.consistency]: consistency } : {}),
    ...(quota.files === 0 ? {} : { [volumeAttributes.quotaFiles]: String(quota.files) }),
    ...(userQuota.bytes === 0 && userQuota.files === 0
      ? {}
      : { [volumeAttributes.userQuota]: quotaText(userQuota) }),
    ...(quotas.length === 0 ? {} : { [volumeAttributes.userQuotas]: quotas.join(' ') }),
  };
}

function accessTimesOf(text = 'noatime'): AccessTimes {
  if (text !== 'noatime' && text !== 'relatime')
    throw refusal('EINVAL', `${volumeAttributes.accessTimes}: "noatime" or "relatime"`);
  return text;
}

function consistencyOf(text = 'close-to-open'): Consistency {
  if (text !== 'close-to-open' && text !== 'strict')
    throw refusal('EINVAL', `${volumeAttributes.consistency}: "close-to-open" or "strict"`);
  return text;
}

/** `random`, `free-space`, or UUIDs of OSDs. */
function placementOf(text: string): Placement {
  if (text === 'random' || text === 'free-space') return { kind: text };
  const uuids = listOf(text);
  if (uuids.length === 0)
    throw refusal('EINVAL', `${volumeAttributes.placement}: "random", "free-space" or UUIDs`);
  return { kind: 'uuid', uuids };
}

/** `BYTES/FILES`; 0 is no limit. */
function quotaOf(text: string | undefined): Quota {
  if (text === undefined || text === '') return noQuota;
  const [bytes = '0', files = '0'] = text.split('/');
  return { bytes: countOf(bytes), files: countOf(files) };
}

function quotaText({ bytes, files }: Quota): string {
  return `${bytes}/${files}`;
}

function countOf(text: string): number {
  const count = Number(text);
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(count))
    throw refusal('EINVAL', `"${text}" is no number of bytes or files`);
  return count;
}

function listOf(text = ''): readonly string[] {
  return text.split(/[\s,]+/).filter((word) => word !== '');
}
