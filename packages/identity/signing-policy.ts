import { XosError } from '@xtreemos/base';
import type { Certificate } from './certificate.ts';
import { organization } from './certificate-issue.ts';

/** Which subjects a CA may sign, by OpenSSL oneline name; `*` matches any run of characters, `?` one. */
export interface SigningPolicy {
  readonly rules: readonly {
    /** Oneline name of the CA. */
    readonly authority: string;
    readonly subjectPatterns: readonly string[];
  }[];
}

const maximumPolicyBytes = 65536;

function refuse(what: string, line: number, reason: string): never {
  throw new XosError('XOS_INPUT_BAD', { what, where: `line ${line}`, reason });
}

interface Line {
  readonly number: number;
  readonly tokens: readonly string[];
}

/** Lines as tokens; single or double quotes hold a token together, `#` begins a comment. */
function tokenize(text: string, what: string): readonly Line[] {
  if (text.length > maximumPolicyBytes) {
    throw new XosError('XOS_INPUT_TOO_LARGE', { what, size: text.length, limit: maximumPolicyBytes });
  }
  const lines: Line[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const tokens: string[] = [];
    let at = 0;
    while (at < line.length) {
      const rest = line.slice(at);
      const blank = /^\s+/.exec(rest);
      if (blank !== null) {
        at += blank[0].length;
        continue;
      }
      if (rest.startsWith('#')) break;
      const token = /^'([^']*)'|^"([^"]*)"|^([^\s'"]+)/.exec(rest);
      if (token === null) refuse(what, index + 1, 'a quote is not closed');
      tokens.push(token[1] ?? token[2] ?? token[3] ?? '');
      at += token[0].length;
    }
    if (tokens.length > 0) lines.push({ number: index + 1, tokens });
  }
  return lines;
}

/**
 * Reads a `.signing_policy` file: the EACL grammar of the Globus toolkit. Per authority (`access_id_CA X509 'name'`) the
 * right `pos_rights globus CA:sign` and its `cond_subjects globus '"/pattern" ..."`; subjects may be nested in double quotes inside single ones.
 * Negative rights are refused: this reader would have to apply them, and no distribution uses them.
 * Errors: XOS_INPUT_BAD with the line.
 */
export function parseSigningPolicy(text: string): SigningPolicy {
  const what = 'signing policy';
  const rules: { authority: string; subjectPatterns: string[] }[] = [];
  let mayHaveCondition = false;
  for (const { number, tokens } of tokenize(text, what)) {
    const [keyword, authority, value, ...more] = tokens;
    if (value === undefined || (more.length > 0 && keyword !== 'cond_subjects')) {
      refuse(what, number, `expected three words, found ${tokens.length}`);
    }
    switch (keyword) {
      case 'access_id_CA':
        if (authority !== 'X509') refuse(what, number, `access_id_CA of type ${authority}, X509 is expected`);
        rules.push({ authority: value, subjectPatterns: [] });
        mayHaveCondition = false;
        break;
      case 'pos_rights':
        if (rules.length === 0) refuse(what, number, 'pos_rights before access_id_CA');
        if (authority !== 'globus' || value !== 'CA:sign')
          refuse(what, number, `right ${authority} ${value} is unknown`);
        mayHaveCondition = true;
        break;
      case 'cond_subjects': {
        const rule = rules.at(-1);
        if (rule === undefined || !mayHaveCondition) refuse(what, number, 'cond_subjects before pos_rights');
        if (authority !== 'globus') refuse(what, number, `cond_subjects of ${authority}, globus is expected`);
        rule.subjectPatterns.push(...[value, ...more].flatMap((list) => subjectList(list, what, number)));
        break;
      }
      default:
        refuse(what, number, `${JSON.stringify(keyword)} is not understood`);
    }
  }
  if (rules.length === 0) refuse(what, 1, 'it names no authority');
  return { rules };
}

/** `"/a/*" "/b/*"` inside a single-quoted word, or one bare subject. */
function subjectList(list: string, what: string, line: number): readonly string[] {
  const subjects = list.includes('"')
    ? [...list.matchAll(/"([^"]*)"/g)].map((match) => match[1] ?? '')
    : [list];
  for (const subject of subjects) {
    if (!subject.startsWith('/') && subject !== '*')
      refuse(what, line, `${JSON.stringify(subject)} does not begin with /`);
  }
  if (subjects.length === 0) refuse(what, line, 'the list of subjects is empty');
  return subjects;
}

/**
 * Reads a `.namespaces` file (EUGridPMA's grammar): `TO Issuer "name" PERMIT Subject "pattern"`, `SELF` for the file's own CA.
 * Patterns are regular expressions there; `.*` and escaped punctuation are turned into wildcards, anything else is refused, as
 * is DENY. Errors: XOS_INPUT_BAD with the line.
 */
export function parseNamespaces(text: string, self = 'SELF'): SigningPolicy {
  const what = 'namespaces';
  const rules: { authority: string; subjectPatterns: string[] }[] = [];
  // A statement may go on over lines that end with a backslash or simply break between its words.
  const tokens = tokenize(text.replace(/\\\r?\n/g, ' '), what).flatMap(({ number, tokens: words }) =>
    words.map((word) => ({ word, number })),
  );
  for (let at = 0; at < tokens.length; at += 6) {
    const words = tokens.slice(at, at + 6);
    const line = words[0]?.number ?? 1;
    const [to, issuer, authority, permit, subject, pattern] = words.map(({ word }) => word);
    if (/^deny$/i.test(permit ?? '')) refuse(what, line, 'DENY is not supported');
    const isStatement = /^to issuer permit subject$/i.test(`${to} ${issuer} ${permit} ${subject}`);
    if (!isStatement || authority === undefined || pattern === undefined) {
      refuse(what, line, 'expected TO Issuer "name" PERMIT Subject "pattern"');
    }
    rules.push({
      authority: /^self$/i.test(authority) ? self : authority,
      subjectPatterns: [wildcardsOf(pattern, line)],
    });
  }
  if (rules.length === 0) refuse(what, 1, 'it has no statement');
  return { rules };
}

function wildcardsOf(pattern: string, line: number): string {
  const plain = pattern
    .replace(/^\^|\$$/g, '')
    .replace(/\.\*|\.\+/g, '*')
    .replace(/\\([^A-Za-z0-9])/g, '$1');
  if (/[[\](){}|+?\\]/.test(plain))
    refuse('namespaces', line, `pattern ${JSON.stringify(pattern)} is more than wildcards`);
  return plain;
}

/** The text of a `.signing_policy` file. */
export function renderSigningPolicy(policy: SigningPolicy): string {
  const blocks = policy.rules.map(({ authority, subjectPatterns }) => {
    for (const name of [authority, ...subjectPatterns]) {
      if (/['"]|\p{Cc}/u.test(name)) refuse('signing policy', 1, `${JSON.stringify(name)} cannot be quoted`);
    }
    const subjects = subjectPatterns.map((pattern) => `"${pattern}"`).join(' ');
    return `access_id_CA  X509    '${authority}'\npos_rights    globus  CA:sign\ncond_subjects globus  '${subjects}'\n`;
  });
  return blocks.join('\n');
}

/** What the architecture lets one of our authorities sign: a root all of `/O=XtreemOS/`, an intermediate its VOs' subjects. */
export function defaultSubjectPatterns(certificate: Certificate): readonly string[] {
  const { authority, vos = [] } = certificate.xos;
  switch (authority) {
    case 'SERVICE':
      return [`/O=${organization}/OU=services/CN=*`];
    case 'CDA':
      return vos.map((vo) => `/O=${organization}/OU=${vo}/CN=*`);
    case 'RCA':
      return vos.map((vo) => `/O=${organization}/OU=${vo}/OU=hosts/CN=*`);
    default:
      return [`/O=${organization}/*`];
  }
}

/** The policy of the architecture for one of our authorities. */
export function defaultSigningPolicy(certificate: Certificate): SigningPolicy {
  const subjectPatterns = defaultSubjectPatterns(certificate);
  return { rules: [{ authority: certificate.subject.oneline, subjectPatterns }] };
}

/**
 * One spelling: attribute names that toolkits spell differently, and OpenSSL 3's backslashes, which no policy file has
 * (`judgeSigningPolicies` refuses names that become ambiguous without them).
 */
function canonicalOneline(name: string): string {
  return name
    .replace(/\\([/+])/g, '$1')
    .replace(/\/(?:Email|E|emailAddress)=/gi, '/emailAddress=')
    .replace(/\/(?:USERID|UID)=/gi, '/UID=');
}

/**
 * Whether the policy lets the authority sign the subject; undefined when it says nothing of the authority. Names compare
 * without case, as the Globus toolkit does.
 */
export function policyPermits(
  policy: SigningPolicy,
  authority: string,
  subject: string,
): boolean | undefined {
  const wanted = canonicalOneline(authority).toLowerCase();
  const rules = policy.rules.filter((rule) => canonicalOneline(rule.authority).toLowerCase() === wanted);
  if (rules.length === 0) return undefined;
  const name = canonicalOneline(subject).toLowerCase();
  return rules.some((rule) =>
    rule.subjectPatterns.some((pattern) => matchesWildcards(canonicalOneline(pattern).toLowerCase(), name)),
  );
}

/** Linear in both lengths for each star: a hostile pattern cannot make it hang, as a regular expression could. */
export function matchesWildcards(pattern: string, text: string): boolean {
  let patternAt = 0;
  let textAt = 0;
  let starAt = -1;
  let resumeAt = 0;
  while (textAt < text.length) {
    const symbol = pattern[patternAt];
    if (symbol === '*') {
      starAt = patternAt++;
      resumeAt = textAt;
    } else if (symbol === '?' || (symbol !== undefined && symbol === text[textAt])) {
      patternAt++;
      textAt++;
    } else if (starAt >= 0) {
      patternAt = starAt + 1;
      textAt = ++resumeAt;
    } else {
      return false;
    }
  }
  while (pattern[patternAt] === '*') patternAt++;
  return patternAt === pattern.length;
}
