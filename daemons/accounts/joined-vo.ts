import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfiguration, kind, parseConfiguration, reasonOf, XosError } from '@xtreemos/base';
import { VO_ALIAS, VO_ID } from './member-names.ts';

/** A VO that this host has joined, as `xos node join` wrote it into vo.d. */
export interface JoinedVo {
  readonly vo: string;
  readonly alias: string;
  readonly serviceUrl: string;
  /** Lower-case hexadecimal SHA-256 of the trust root's DER. */
  readonly caFingerprint: string;
  /** The same of the root above the service's TLS certificate; a VO with a root of its own has another there. */
  readonly serviceCaFingerprint: string;
}

const schema = defineConfiguration({
  VO: {
    Id: kind.required(kind.pattern(VO_ID, 'a VO id such as physics.example.org')),
    Alias: kind.pattern(VO_ALIAS, 'an alias of 1 to 16 letters, digits and hyphens'),
    ServiceUrl: kind.required(kind.url()),
    CaFingerprint: kind.required(
      kind.pattern(/^[0-9A-Fa-f:]{64,95}$/, 'a SHA-256 fingerprint in hexadecimal'),
    ),
    ServiceCaFingerprint: kind.pattern(/^[0-9A-Fa-f:]{64,95}$/, 'a SHA-256 fingerprint in hexadecimal'),
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
  if (!VO_ALIAS.test(alias)) {
    throw new XosError('XOS_CONFIGURATION_BAD', {
      reason: `${file}: ${alias} cannot be an alias, set Alias=`,
    });
  }
  return { vo: VO.Id, alias, serviceUrl: VO.ServiceUrl, caFingerprint, serviceCaFingerprint };
}

function plainFingerprint(file: string, key: string, text: string): string {
  const digits = text.replaceAll(':', '').toLowerCase();
  if (digits.length === 64) return digits;
  throw new XosError('XOS_CONFIGURATION_BAD', { reason: `${file}: ${key}= has not 64 hexadecimal digits` });
}
