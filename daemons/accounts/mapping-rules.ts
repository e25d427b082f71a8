import { readFileSync } from 'node:fs';
import { parseGlobalUserId, VO_ID } from './member-names.ts';

/** The account a rule gives. */
export type Mapping =
  | { readonly kind: 'dynamic' }
  | { readonly kind: 'static'; readonly localName: string }
  | { readonly kind: 'pool'; readonly prefix: string }
  | { readonly kind: 'refuse'; readonly reason: string };

type Subject =
  | { readonly kind: 'vo'; readonly vo: string }
  | { readonly kind: 'group'; readonly fqan: string }
  | { readonly kind: 'role'; readonly fqan: string }
  | { readonly kind: 'user'; readonly globalUserId: string };

export interface MappingRule {
  readonly line: number;
  readonly subject: Subject;
  readonly mapping: Mapping;
}

/** Rules in the order of the file; the first that fits decides. */
export interface MappingRules {
  readonly rules: readonly MappingRule[];
  /** What holds when no rule fits. */
  readonly otherwise: Mapping;
}

export interface MappedMember {
  readonly vo: string;
  readonly user: string;
  readonly fqans: readonly string[];
}

/** Without a mapping.conf every member of a joined VO gets an account of its own. */
export const defaultMappingRules: MappingRules = { rules: [], otherwise: { kind: 'dynamic' } };

/** Every finding of one file, each as `file:line: what is wrong`. */
export class MappingRulesError extends Error {
  readonly findings: readonly string[];

  constructor(findings: readonly string[]) {
    super(findings.join('; '));
    this.name = 'MappingRulesError';
    this.findings = findings;
  }
}

const MAXIMUM_FILE_BYTES = 1024 * 1024;
const LOCAL_NAME = /^[a-z_][a-z0-9_-]{0,31}$/;
const FQAN_GROUP = /^\/[a-z0-9][a-z0-9.-]{0,62}(?:\/[A-Za-z0-9_.-]+)*$/;
const FQAN_ROLE = /^\/[a-z0-9][a-z0-9.-]{0,62}(?:\/[A-Za-z0-9_.-]+)*\/Role=[A-Za-z0-9_.-]+$/;

/**
 * Reads mapping.conf; a file that does not exist gives the default rules.
 * @throws MappingRulesError when the file cannot be read or says something wrong
 */
export function loadMappingRules(file: string): MappingRules {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return defaultMappingRules;
    throw new MappingRulesError([`${file}: cannot be read: ${String(error)}`]);
  }
  return parseMappingRules(content, file);
}

/**
 * Format: docs/mapping-rules.md.
 * @throws MappingRulesError with every wrong line
 */
export function parseMappingRules(content: string, file: string): MappingRules {
  if (content.length > MAXIMUM_FILE_BYTES) {
    throw new MappingRulesError([`${file}: has more than ${MAXIMUM_FILE_BYTES} characters`]);
  }
  const rules: MappingRule[] = [];
  const findings: string[] = [];
  for (const [index, text] of content.split('\n').entries()) {
    const line = text.trim();
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    try {
      rules.push({ line: index + 1, ...parseRule(line) });
    } catch (error) {
      findings.push(`${file}:${index + 1}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (findings.length > 0) throw new MappingRulesError(findings);
  return { rules, otherwise: { kind: 'refuse', reason: 'no rule of mapping.conf names this member' } };
}

/** The first rule that fits decides. Facts come from the VO's signed list, not from the certificate at hand. */
export function mappingFor(rules: MappingRules, member: MappedMember): Mapping {
  return rules.rules.find(({ subject }) => fits(subject, member))?.mapping ?? rules.otherwise;
}

/** Names of local accounts and prefixes of pools that the rules speak of. */
export function mappedLocalNames(rules: MappingRules): {
  readonly accounts: string[];
  readonly prefixes: string[];
} {
  const accounts = rules.rules.flatMap(({ mapping }) =>
    mapping.kind === 'static' ? [mapping.localName] : [],
  );
  const prefixes = rules.rules.flatMap(({ mapping }) => (mapping.kind === 'pool' ? [mapping.prefix] : []));
  return { accounts: [...new Set(accounts)], prefixes: [...new Set(prefixes)] };
}

function fits(subject: Subject, member: MappedMember): boolean {
  switch (subject.kind) {
    case 'vo':
      return subject.vo === '*' || subject.vo === member.vo;
    case 'user':
      return subject.globalUserId === `${member.user}@${member.vo}`;
    case 'role':
      return member.fqans.includes(subject.fqan);
    case 'group':
      return (
        subject.fqan === `/${member.vo}` ||
        member.fqans.some((fqan) => fqan === subject.fqan || fqan.startsWith(`${subject.fqan}/`))
      );
  }
}

function parseRule(line: string): { subject: Subject; mapping: Mapping } {
  const [subjectKind = '', subjectText = '', action = '', ...rest] = line.split(/\s+/);
  return { subject: parseSubject(subjectKind, subjectText), mapping: parseMapping(action, rest) };
}

function parseSubject(kind: string, text: string): Subject {
  switch (kind) {
    case 'vo':
      if (text === '*' || VO_ID.test(text)) return { kind, vo: text };
      throw new Error(
        `"${text}" is no VO id; expected for example physics.example, or * for every joined VO`,
      );
    case 'group':
      if (FQAN_GROUP.test(text)) return { kind, fqan: text };
      throw new Error(`"${text}" is no group; expected for example /physics.example/atlas`);
    case 'role':
      if (FQAN_ROLE.test(text)) return { kind, fqan: text };
      throw new Error(`"${text}" is no role; expected for example /physics.example/atlas/Role=admin`);
    case 'user':
      if (parseGlobalUserId(text) !== undefined) return { kind, globalUserId: text };
      throw new Error(`"${text}" is no global user id; expected for example alice@physics.example`);
    default:
      throw new Error(`"${kind}" is not vo, group, role or user`);
  }
}

function parseMapping(action: string, rest: readonly string[]): Mapping {
  const [name = '', extra] = rest;
  switch (action) {
    case 'dynamic':
      if (rest.length === 0) return { kind: 'dynamic' };
      throw new Error('dynamic takes nothing after it');
    case 'static':
      if (name === 'root') throw new Error('root is never a grid account');
      if (extra === undefined && LOCAL_NAME.test(name)) return { kind: 'static', localName: name };
      throw new Error('static takes the name of one local account');
    case 'pool':
      if (extra === undefined && LOCAL_NAME.test(name)) return { kind: 'pool', prefix: name };
      throw new Error('pool takes the prefix of local accounts, for example atlas for atlas01, atlas02');
    case 'refuse':
      return { kind: 'refuse', reason: rest.length > 0 ? rest.join(' ') : 'refused by mapping.conf' };
    case '':
      throw new Error('the rule ends before its account: expected static, pool, dynamic or refuse');
    default:
      throw new Error(`"${action}" is not static, pool, dynamic or refuse`);
  }
}
