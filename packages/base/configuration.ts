import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BadValue, type Kind } from './configuration-kind.ts';
import { type Finding, type IniEntry, maximumIniBytes, parseIni } from './ini.ts';
import { reasonOf, XosError } from './xos-error.ts';

/** Sections with their keys: `{ Accounts: { HomeDirectory: path('/home') } }`. */
export type ConfigurationSchema = {
  readonly [section: string]: { readonly [key: string]: Kind<unknown> };
};

/** The readonly value that a schema describes. */
export type ConfigurationOf<Schema extends ConfigurationSchema> = {
  readonly [Section in keyof Schema]: {
    readonly [Key in keyof Schema[Section]]: Schema[Section][Key] extends Kind<infer Value> ? Value : never;
  };
};

/** The identity, typed: `const schema = defineConfiguration({ ... }); type C = ConfigurationOf<typeof schema>`. */
export function defineConfiguration<const Schema extends ConfigurationSchema>(schema: Schema): Schema {
  return schema;
}

export interface LoadedConfiguration<Value> {
  readonly value: Value;
  /** Unknown sections and keys: worth a log line, never a refusal. */
  readonly warnings: readonly Finding[];
  /** The files that were read, weakest first. */
  readonly files: readonly string[];
}

export interface ConfigurationSource {
  /** `accounts` for accounts.conf. */
  readonly name: string;
  /** Replaces the search path; it has to exist. */
  readonly file?: string | undefined;
  /** Weakest first, each with its `NAME.conf.d`; default `/usr/lib/xtreemos`, `/etc/xtreemos`. */
  readonly roots?: readonly string[];
}

export const configurationRoots: readonly string[] = ['/usr/lib/xtreemos', '/etc/xtreemos'];

/**
 * Reads NAME.conf of each root and `NAME.conf.d/*.conf` in alphabetical order; later files win key by key.
 * @throws XosError XOS_CONFIGURATION_BAD with every bad value as `file:line: [Section] Key=: ...`, one per line of
 * `details.findings`.
 */
export function loadConfiguration<const Schema extends ConfigurationSchema>(
  schema: Schema,
  source: ConfigurationSource,
): LoadedConfiguration<ConfigurationOf<Schema>> {
  return parseConfiguration(schema, readConfigurationFiles(source));
}

/** The existing files of a source, weakest first. @throws XosError XOS_CONFIGURATION_BAD when a directory is unreadable. */
export function configurationFiles(source: ConfigurationSource): readonly string[] {
  if (source.file !== undefined) return [source.file];
  return (source.roots ?? configurationRoots).flatMap((root) => {
    const main = join(root, `${source.name}.conf`);
    return [...(isPresent(main) ? [main] : []), ...dropIns(`${main}.d`)];
  });
}

function dropIns(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith('.conf') && !name.startsWith('.'))
      .sort()
      .map((name) => join(directory, name));
  } catch (error) {
    if (isAbsence(error)) return [];
    throw new XosError(
      'XOS_CONFIGURATION_BAD',
      { reason: `cannot list ${directory}: ${reasonOf(error)}` },
      { cause: error },
    );
  }
}

function isPresent(file: string): boolean {
  // An unreadable file is present: reading it then says why it is refused.
  try {
    statSync(file);
    return true;
  } catch (error) {
    return !isAbsence(error);
  }
}

function isAbsence(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function readLimited(file: string): string {
  try {
    const { size } = statSync(file);
    if (size > maximumIniBytes) throw new Error(`has ${size} bytes, more than ${maximumIniBytes}`);
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new XosError(
      'XOS_CONFIGURATION_BAD',
      { reason: `cannot read ${file}: ${reasonOf(error)}` },
      { cause: error },
    );
  }
}

/**
 * As `loadConfiguration`, from contents at hand.
 * @throws XosError XOS_CONFIGURATION_BAD, with all bad values.
 */
export function parseConfiguration<const Schema extends ConfigurationSchema>(
  schema: Schema,
  contents: readonly ConfigurationText[],
): LoadedConfiguration<ConfigurationOf<Schema>> {
  const { assigned, errors, warnings } = assignEntries(schema, contents);
  const value = mapSchema(schema, (section, key, kind) =>
    readKey(section, key, kind, assigned.get(keyId(section, key)) ?? [], errors),
  );
  if (errors.length > 0) throw refusal(errors);
  return { value: value as ConfigurationOf<Schema>, warnings, files: contents.map(({ file }) => file) };
}

export interface ConfigurationText {
  readonly file: string;
  readonly content: string;
}

/** Reads the files of a source as they are. @throws XosError XOS_CONFIGURATION_BAD for one that cannot be read. */
export function readConfigurationFiles(source: ConfigurationSource): readonly ConfigurationText[] {
  return configurationFiles(source).map((file) => ({ file, content: readLimited(file) }));
}

export interface AssignedEntries {
  /** The entries in force, by `keyId`: those since the last reset, of a scalar the last one. */
  readonly assigned: ReadonlyMap<string, readonly IniEntry[]>;
  readonly errors: Finding[];
  readonly warnings: Finding[];
}

export function keyId(section: string, key: string): string {
  return `${section}\0${key}`;
}

/** Which entries of the texts, weakest first, count for which key of the schema. */
export function assignEntries(
  schema: ConfigurationSchema,
  contents: readonly ConfigurationText[],
): AssignedEntries {
  const errors: Finding[] = [];
  const warnings: Finding[] = [];
  const assigned = new Map<string, IniEntry[]>();
  for (const { file, content } of contents) {
    const document = parseIni(content, file);
    errors.push(...document.errors);
    for (const section of document.sections) {
      const keys = own(schema, section.name);
      if (keys === undefined) {
        warnings.push({ file, line: section.line, message: `unknown section [${section.name}], ignored` });
        continue;
      }
      for (const entry of section.entries) {
        const kind = own(keys, entry.key);
        if (kind === undefined) {
          const message = `unknown key ${entry.key}= in [${section.name}], ignored`;
          warnings.push({ file, line: entry.line, message });
          continue;
        }
        // An empty value resets: a list to no items, a scalar to its default.
        const id = keyId(section.name, entry.key);
        const known = assigned.get(id);
        if (known === undefined || entry.value === '' || !kind.isList) assigned.set(id, [entry]);
        else known.push(entry);
      }
    }
  }
  return { assigned, errors, warnings };
}

/** An object of the schema's shape, deeply frozen. */
function mapSchema(
  schema: ConfigurationSchema,
  readValue: (section: string, key: string, kind: Kind<unknown>) => unknown,
): unknown {
  const sections = Object.entries(schema).map(([section, keys]) => {
    const values = Object.entries(keys).map(([key, kind]) => [key, readValue(section, key, kind)]);
    return [section, Object.freeze(Object.fromEntries(values))];
  });
  return Object.freeze(Object.fromEntries(sections));
}

function readKey(
  section: string,
  key: string,
  kind: Kind<unknown>,
  entries: readonly IniEntry[],
  errors: Finding[],
): unknown {
  const given = entries.filter((entry) => entry.value !== '');
  if (given.length === 0) {
    if (kind.isRequired) {
      const { file, line } = entries[0] ?? { file: 'configuration', line: 0 };
      errors.push({ file, line, message: `[${section}] ${key}= is missing; expected ${kind.expects}` });
    }
    return kind.isList && entries.length > 0 ? Object.freeze([]) : kind.fallback;
  }
  const values: unknown[] = [];
  for (const { value, file, line } of given) {
    try {
      values.push(kind.parse([value]));
    } catch (error) {
      if (!(error instanceof BadValue)) throw error;
      errors.push({ file, line, message: `[${section}] ${key}=${shown(value)}: ${error.message}` });
    }
  }
  return kind.isList ? Object.freeze(values.flat(1)) : values.at(-1);
}

function shown(value: string): string {
  return value.length > 60 ? `${value.slice(0, 60)}...` : value;
}

const maximumShownErrors = 50;

function refusal(errors: readonly Finding[]): XosError {
  const findings = errors.slice(0, maximumShownErrors).map(formatFinding);
  if (errors.length > findings.length) findings.push(`and ${errors.length - findings.length} more`);
  return new XosError('XOS_CONFIGURATION_BAD', { reason: findings.join('; '), findings });
}

/** `file:line: message`, as compilers write it. */
export function formatFinding({ file, line, message }: Finding): string {
  return line === 0 ? `${file}: ${message}` : `${file}:${line}: ${message}`;
}

function own<Value>(table: { readonly [name: string]: Value }, name: string): Value | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
