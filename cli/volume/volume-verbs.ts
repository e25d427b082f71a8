/** The verbs of `xos volume`. */
import { humanByteSize, XosError } from '@xtreemos/base';
import { volumeAttributes } from '@xtreemos/xtreemfs';
import type { Invocation } from '../invocation.ts';
import { fields } from '../output/fields.ts';
import type { JsonValue, Report } from '../output/report.ts';
import { table } from '../output/table.ts';
import { confirmByName } from '../prompt/confirmation.ts';
import { VolumeAdministration, type VolumeDescription } from './volume-administration.ts';
import { type Usage, usageOf } from './volume-usage.ts';

export interface CreateOptions {
  readonly owner: string;
  readonly group?: string;
  readonly mode: number;
  readonly stripeSize: number;
  readonly width: number;
  readonly osds: string;
  readonly atime: string;
  readonly consistency: string;
  readonly quota?: number;
  readonly fileQuota?: number;
  readonly userQuota?: number;
  readonly foreignIds?: readonly string[];
  readonly vo?: string;
}

export async function createVolume(
  invocation: Invocation,
  options: CreateOptions,
  name: string,
): Promise<Report> {
  const { owner, group = owner, mode, stripeSize: stripeBytes, width, quota: quotaBytes = 0 } = options;
  const settings: Record<string, string> = {
    [volumeAttributes.placement]: options.osds,
    [volumeAttributes.accessTimes]: options.atime,
    [volumeAttributes.consistency]: options.consistency,
  };
  if (options.vo !== undefined) settings[volumeAttributes.vo] = options.vo;
  if (options.fileQuota !== undefined) settings[volumeAttributes.quotaFiles] = `${options.fileQuota}`;
  if (options.userQuota !== undefined) settings[volumeAttributes.userQuota] = `${options.userQuota}/0`;
  if (options.foreignIds !== undefined)
    settings[volumeAttributes.foreignHosts] = options.foreignIds.join(' ');
  const made = await withMrc(invocation, async (mrc) => {
    await mrc.create({ name, owner, group, mode, stripeBytes, width, quotaBytes, settings });
    return await mrc.find(name);
  });
  return { data: shown(made), text: () => `Volume ${name} is made.\n` };
}

/** Sizes and counts of 0 are no limit. */
export interface SetOptions {
  readonly stripeSize?: number;
  readonly width?: number;
  readonly osds?: string;
  readonly atime?: string;
  readonly consistency?: string;
  readonly quota?: number;
  readonly fileQuota?: number;
  readonly userQuota?: number;
  readonly quotaOf?: readonly UserQuota[];
  readonly foreignIds?: readonly string[];
}

export interface UserQuota {
  readonly user: string;
  readonly bytes: number;
}

export async function setVolume(invocation: Invocation, options: SetOptions, name: string): Promise<Report> {
  const { stripeSize, width, osds, atime, quota: quotaBytes, fileQuota, userQuota, quotaOf } = options;
  const { foreignIds, consistency } = options;
  if (Object.keys(options).length === 0)
    throw new XosError('XOS_USAGE', {
      reason: 'no setting is given that is to be changed',
      help: '`xos volume set --help`',
    });
  const changed = await withMrc(invocation, async (mrc) => {
    const before = await mrc.find(name);
    const settings: Record<string, string> = {};
    if (osds !== undefined) settings[volumeAttributes.placement] = osds;
    if (atime !== undefined) settings[volumeAttributes.accessTimes] = atime;
    if (consistency !== undefined) settings[volumeAttributes.consistency] = consistency;
    if (fileQuota !== undefined) settings[volumeAttributes.quotaFiles] = limitText(fileQuota);
    if (userQuota !== undefined)
      settings[volumeAttributes.userQuota] = limitText(userQuota, `${userQuota}/0`);
    if (quotaOf !== undefined) settings[volumeAttributes.userQuotas] = userQuotas(before, quotaOf);
    if (foreignIds !== undefined)
      settings[volumeAttributes.foreignHosts] = foreignIds.filter((host) => host !== 'none').join(' ');
    const { stripeBytes, width: formerWidth } = before;
    await mrc.change(name, {
      settings,
      ...(quotaBytes === undefined ? {} : { quotaBytes }),
      ...(stripeSize === undefined && width === undefined
        ? {}
        : { striping: { stripeBytes: stripeSize ?? stripeBytes, width: width ?? formerWidth } }),
    });
    return await mrc.find(name);
  });
  return { data: shown(changed), text: (terminal) => fields(settingFields(changed), terminal) };
}

function limitText(count: number, text = `${count}`): string {
  return count === 0 ? '' : text;
}

/** Those of other users stay. */
function userQuotas({ settings }: VolumeDescription, changes: readonly UserQuota[]): string {
  const known = (settings[volumeAttributes.userQuotas] ?? '').split(' ').filter((text) => text !== '');
  const quotas = new Map(known.map((text) => [text.slice(0, text.lastIndexOf('=')), text]));
  for (const { user, bytes } of changes)
    if (bytes === 0) quotas.delete(user);
    else quotas.set(user, `${user}=${bytes}/0`);
  return [...quotas.values()].join(' ');
}

export async function removeVolume(
  invocation: Invocation,
  { yes }: { readonly yes?: boolean },
  name: string,
): Promise<Report> {
  return await withMrc(invocation, async (mrc) => {
    const { files, bytes } = usageOf(await mrc.find(name));
    const warning = `Volume ${name} holds ${files} files with ${humanByteSize(bytes)}. All of it will be gone for good.`;
    await confirmByName(invocation.prompts, yes, warning, 'name of the volume', name);
    await mrc.remove(name);
    return { data: { name, removed: true }, text: () => `Volume ${name} is removed.\n` };
  });
}

export async function listVolumes(invocation: Invocation, _options: object): Promise<Report> {
  const volumes = await withMrc(invocation, (mrc) => mrc.list());
  return {
    data: { volumes: volumes.map(shown) },
    text: (terminal) =>
      table(
        volumes,
        [
          { title: 'NAME', value: ({ name }) => name },
          { title: 'VO', value: ({ settings }) => settings[volumeAttributes.vo] ?? '' },
          { title: 'OWNER', value: ({ owner }) => owner },
          { title: 'FILES', value: (volume) => `${usageOf(volume).files}`, align: 'right' },
          { title: 'USED', value: (volume) => humanByteSize(usageOf(volume).bytes), align: 'right' },
          { title: 'QUOTA', value: ({ quotaBytes }) => limit(quotaBytes), align: 'right' },
          { title: 'STRIPES', value: stripes },
        ],
        terminal,
        'No volumes.',
      ),
  };
}

export async function showVolume(invocation: Invocation, _options: object, name: string): Promise<Report> {
  const volume = await withMrc(invocation, (mrc) => mrc.find(name));
  const { files, bytes } = usageOf(volume);
  const { settings } = volume;
  return {
    data: shown(volume),
    text: (terminal) =>
      fields(
        [
          ['Name', volume.name],
          ['Id', volume.id],
          ['VO', settings[volumeAttributes.vo]],
          ['Owner', volume.owner],
          ['Group', volume.group],
          ['Mode', volume.mode.toString(8).padStart(4, '0')],
          ['Used', `${humanByteSize(bytes)} in ${files} files`],
          ...settingFields(volume),
        ],
        terminal,
      ),
  };
}

/** What `xos volume set` changes. */
function settingFields(volume: VolumeDescription): readonly (readonly [string, string | undefined])[] {
  const { settings } = volume;
  return [
    ['Stripes', stripes(volume)],
    ['OSDs', settings[volumeAttributes.placement]],
    ['Access times', settings[volumeAttributes.accessTimes] ?? 'noatime'],
    ['Consistency', settings[volumeAttributes.consistency] ?? 'close-to-open'],
    ['Quota', limit(volume.quotaBytes)],
    ['File quota', settings[volumeAttributes.quotaFiles]],
    ['User quota', settings[volumeAttributes.userQuota]],
    ['Quotas of users', settings[volumeAttributes.userQuotas]],
    ['Foreign ids from', settings[volumeAttributes.foreignHosts]],
  ];
}

const watchMs = 1000;

/** Until the person or the time limit ends it; each line says what is there and what came since the line before. */
export async function volumeUsage(
  invocation: Invocation,
  options: { readonly watch?: true | number },
  name: string,
): Promise<Report> {
  return await withMrc(invocation, async (mrc) => {
    let last = usageOf(await mrc.find(name));
    if (options.watch !== undefined) {
      const lines = options.watch === true ? Number.POSITIVE_INFINITY : options.watch;
      for (let line = 0; line < lines; line++) {
        await new Promise((resolve) => setTimeout(resolve, watchMs));
        const next = usageOf(await mrc.find(name));
        invocation.note(`${usageText(next)}${growth(last, next)}`);
        last = next;
      }
    }
    return { data: { name, ...last }, text: () => `${usageText(last)}\n` };
  });
}

function usageText({ files, bytes }: Usage): string {
  return `${humanByteSize(bytes)} in ${files} files`;
}

function growth(before: Usage, after: Usage): string {
  const bytes = ((after.bytes - before.bytes) * 1000) / watchMs;
  const files = ((after.files - before.files) * 1000) / watchMs;
  const sign = (value: number): string => (value < 0 ? '-' : '+');
  return ` (${sign(bytes)}${humanByteSize(Math.abs(bytes))}/s, ${sign(files)}${Math.abs(files)} files/s)`;
}

function stripes({ stripeBytes, width }: VolumeDescription): string {
  return `${humanByteSize(stripeBytes)} over ${width} OSD${width === 1 ? '' : 's'}`;
}

function limit(bytes: number): string {
  return bytes === 0 ? 'none' : humanByteSize(bytes);
}

function shown(volume: VolumeDescription): JsonValue {
  const { files, bytes } = usageOf(volume);
  const { mode, settings, ...rest } = volume;
  const others = Object.entries(settings).filter(([key]) => key !== volumeAttributes.used);
  return {
    ...rest,
    mode: mode.toString(8).padStart(4, '0'),
    usedBytes: bytes,
    files,
    settings: Object.fromEntries(others),
  };
}

export async function withMrc<T>(
  { paths, slowly }: Invocation,
  work: (mrc: VolumeAdministration) => Promise<T>,
): Promise<T> {
  const mrc = await slowly('Asking the MRC', () => VolumeAdministration.open(paths));
  try {
    return await work(mrc);
  } finally {
    mrc.close();
  }
}
