import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfiguration, kind, parseConfiguration, reasonOf, XosError } from '@xtreemos/base';
import { voPattern } from './xos-extension.ts';

const aliasPattern = /^[a-z0-9][a-z0-9-]{0,15}$/;

/** A VO that this host has joined, as `xos node join` wrote it into vo.d. */
export interface JoinedVo {
  readonly vo: string;
  readonly alias: string;
  readonly serviceUrl: string;
  /** Lower-case hexadecimal SHA-256 of the trust root's DER. */
  readonly caFingerprint: string;
  /** The same of the root above the service's TLS certificate; a VO with a root of its own has another there. */
  readonly serviceCaFingerprint: string;
  /** Absent: homes of its members are local. */
  readonly home?: HomeVolume;
}

/** Where homes lie that are no local directories. */
export interface HomeVolume {
  readonly volume: string;
  /** The DIR that knows it, `host:port`. */
  readonly directory: string;
}

/** Names of volumes that can hold homes: they travel on command lines. */
const volumeNamePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** A host name or IPv4 address, or an IPv6 address in brackets, and a port. */
const directoryAddressPattern =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]):[1-9][0-9]{0,4}$/;
const directoryPort = 32638;

const schema = defineConfiguration({
  VO: {
    Id: kind.required(kind.pattern(voPattern, 'a VO id such as physics.example.org')),
    Alias: kind.pattern(aliasPattern, 'an alias of 1 to 16 letters, digits and hyphens'),
    ServiceUrl: kind.required(kind.url()),
    CaFingerprint: kind.required(
      kind.pattern(/^[0-9A-Fa-f:]{64,95}$/, 'a SHA-256 fingerprint in hexadecimal'),
    ),
    ServiceCaFingerprint: kind.pattern(/^[0-9A-Fa-f:]{64,95}$/, 'a SHA-256 fingerprint in hexadecimal'),
    /** The XtreemFS volume of the members' homes. */
    HomeVolume: kind.pattern(volumeNamePattern, 'the name of a volume'),
    /** The DIR that knows the volume. */
    Directory: kind.text('127.0.0.1'),
  },
});

/**
 * Reads every `*.conf` of vo.d; no directory means no VO.
 * @throws XosError XOS_CONFIGURATION_BAD naming file and line, also when two VOs share an id or an alias
 */
export function readJoinedVos(directory: string): readonly JoinedVo[] {
  let names: string[];
  try {
    names = readdirSync(directory).filter((name) => name.endsWith('.conf') && !name.startsWith('.'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new XosError(
      'XOS_CONFIGURATION_BAD',
      { reason: `cannot list ${directory}: ${reasonOf(error)}` },
      { cause: error },
    );
  }
  const vos = names.sort().map((name) => readJoinedVo(join(directory, name)));
  for (const field of ['vo', 'alias'] as const) {
    const seen = new Set<string>();
    for (const vo of vos) {
      if (seen.has(vo[field])) {
        throw new XosError('XOS_CONFIGURATION_BAD', {
          reason: `${directory}: two files give the ${field} ${vo[field]}`,
        });
      }
      seen.add(vo[field]);
    }
  }
  return vos;
}

function readJoinedVo(file: string): JoinedVo {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    throw new XosError(
      'XOS_CONFIGURATION_BAD',
      { reason: `cannot read ${file}: ${reasonOf(error)}` },
      { cause: error },
    );
  }
  const { VO } = parseConfiguration(schema, [{ file, content }]).value;
  const caFingerprint = plainFingerprint(file, 'CaFingerprint', VO.CaFingerprint);
  const serviceCaFingerprint =
    VO.ServiceCaFingerprint === undefined
      ? caFingerprint
      : plainFingerprint(file, 'ServiceCaFingerprint', VO.ServiceCaFingerprint);
  const firstLabel = VO.Id.split('.')[0] ?? '';
  const alias = VO.Alias ?? firstLabel;
  if (!aliasPattern.test(alias)) {
    throw new XosError('XOS_CONFIGURATION_BAD', {
      reason: `${file}: ${alias} cannot be an alias, set Alias=`,
    });
  }
  const directory = directoryAddress(file, VO.Directory);
  return {
    vo: VO.Id,
    alias,
    serviceUrl: VO.ServiceUrl,
    caFingerprint,
    serviceCaFingerprint,
    ...(VO.HomeVolume === undefined ? {} : { home: { volume: VO.HomeVolume, directory } }),
  };
}

function directoryAddress(file: string, text: string): string {
  const address = /(?:^[^:]*|\])$/.test(text) ? `${text}:${directoryPort}` : text;
  const port = Number(address.slice(address.lastIndexOf(':') + 1));
  if (directoryAddressPattern.test(address) && port <= 65_535) return address;
  throw new XosError('XOS_CONFIGURATION_BAD', {
    reason: `${file}: Directory=${text}: expected an address such as dir.example.org or [2001:db8::1]:32638`,
  });
}

function plainFingerprint(file: string, key: string, text: string): string {
  const digits = text.replaceAll(':', '').toLowerCase();
  if (digits.length === 64) return digits;
  throw new XosError('XOS_CONFIGURATION_BAD', { reason: `${file}: ${key}= has not 64 hexadecimal digits` });
}
