import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfiguration, kind, loadConfiguration, writeFileAtomically } from '@xtreemos/base';
import type { HostPaths } from './host-paths.ts';

const voId = /^[a-z0-9][a-z0-9.-]{0,62}$/;
const fingerprint = /^[0-9a-f]{64}$/;

/** `/etc/xtreemos/vo.d/<vo>.conf` (xos-accounts.conf(5) has the keys), and a person's own record with the same section. */
const voRecordSchema = defineConfiguration({
  VO: {
    Id: kind.required(kind.pattern(voId, 'a VO id')),
    Alias: kind.pattern(/^[a-z0-9][a-z0-9-]{0,15}$/, 'an alias of at most 16 letters, digits and hyphens'),
    ServiceUrl: kind.url(),
    CaFingerprint: kind.pattern(fingerprint, '64 hexadecimal digits'),
    ServiceCaFingerprint: kind.pattern(fingerprint, '64 hexadecimal digits'),
  },
});

export interface VoRecord {
  readonly vo: string;
  readonly alias: string;
  readonly serviceUrl: string | undefined;
  /** Hex SHA-256 of the VO's root. */
  readonly caFingerprint: string | undefined;
  /** Hex SHA-256 of the root above the service's TLS certificate, which may be another than the VO's. */
  readonly serviceCaFingerprint: string | undefined;
  readonly file: string;
}

/** What `xos node join` wrote. @throws XosError XOS_CONFIGURATION_BAD. */
export function readHostVoRecord(paths: HostPaths, vo: string): VoRecord | undefined {
  return readRecord(join(paths.voDirectory, `${vo}.conf`));
}

/** What `xos cert request --url --ca-fingerprint` remembered. */
export function readUserVoRecord(paths: HostPaths, vo: string): VoRecord | undefined {
  return readRecord(join(paths.userDirectory, 'vo.d', `${vo}.conf`));
}

export function listHostVoRecords(paths: HostPaths): readonly VoRecord[] {
  if (!existsSync(paths.voDirectory)) return [];
  return readdirSync(paths.voDirectory)
    .filter((name) => name.endsWith('.conf') && !name.startsWith('.'))
    .sort()
    .map((name) => readRecord(join(paths.voDirectory, name)))
    .filter((record) => record !== undefined);
}

function readRecord(file: string): VoRecord | undefined {
  if (!existsSync(file)) return undefined;
  const { VO } = loadConfiguration(voRecordSchema, { name: 'vo', file }).value;
  return {
    vo: VO.Id,
    alias: VO.Alias ?? defaultAlias(VO.Id),
    serviceUrl: VO.ServiceUrl?.replace(/\/$/, ''),
    caFingerprint: VO.CaFingerprint,
    serviceCaFingerprint: VO.ServiceCaFingerprint,
    file,
  };
}

/** The root that the host's VO service must stand under, as far as the record says. */
export function rootOf(record: VoRecord | undefined): { readonly rootFingerprint?: string } {
  const rootFingerprint = record?.serviceCaFingerprint ?? record?.caFingerprint;
  return rootFingerprint === undefined ? {} : { rootFingerprint };
}

/** The VO id's first label, cut to the 16 characters an alias may have. */
export function defaultAlias(vo: string): string {
  return (vo.split('.', 1)[0] ?? vo).slice(0, 16);
}

/** The text of a host's record. */
export function hostVoRecordText(record: Omit<VoRecord, 'file'>): string {
  return [
    '# Written by xos node join. Alias= may be changed; restart xos-accounts afterwards.',
    '[VO]',
    `Id=${record.vo}`,
    `Alias=${record.alias}`,
    ...(record.serviceUrl === undefined ? [] : [`ServiceUrl=${record.serviceUrl}`]),
    ...(record.caFingerprint === undefined ? [] : [`CaFingerprint=${record.caFingerprint}`]),
    ...(record.serviceCaFingerprint === undefined
      ? []
      : [`ServiceCaFingerprint=${record.serviceCaFingerprint}`]),
    '',
  ].join('\n');
}

/** Remembers where a VO's service is and which root it hangs under, so that later calls need no options. */
export async function writeUserVoRecord(
  paths: HostPaths,
  vo: string,
  serviceUrl: string,
  serviceCaFingerprint: string,
): Promise<string> {
  const directory = join(paths.userDirectory, 'vo.d');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, `${vo}.conf`);
  const text = `[VO]\nId=${vo}\nServiceUrl=${serviceUrl}\nServiceCaFingerprint=${serviceCaFingerprint}\n`;
  await writeFileAtomically(file, text, { mode: 0o600 });
  return file;
}
