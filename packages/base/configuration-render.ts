import {
  assignEntries,
  type ConfigurationSchema,
  type ConfigurationText,
  formatFinding,
  keyId,
} from './configuration.ts';

/**
 * Every key of the schema with the value in force and where it comes from, for `--show-config`: itself a
 * configuration file. Values that would be refused are shown as they stand, with the other findings at the end.
 */
export function renderConfiguration(
  schema: ConfigurationSchema,
  texts: readonly ConfigurationText[],
): string {
  const { assigned, errors, warnings } = assignEntries(schema, texts);
  const lines: string[] = [];
  for (const [section, keys] of Object.entries(schema)) {
    lines.push(`[${section}]`);
    for (const [key, kind] of Object.entries(keys)) {
      const entries = assigned.get(keyId(section, key)) ?? [];
      const given = entries.filter(({ value }) => value !== '');
      if (given.length > 0) {
        for (const { value, file, line } of given) lines.push(`# ${file}:${line}`, `${key}=${value}`);
      } else if (kind.isList && entries.length > 0) {
        const [{ file, line } = { file: '', line: 0 }] = entries;
        lines.push(`# ${file}:${line}`, `${key}=`);
      } else if (kind.isRequired) {
        lines.push(`# missing; expected ${kind.expects}`, `#${key}=`);
      } else {
        const defaults = kind.format(kind.fallback);
        lines.push(
          '# default',
          ...(defaults.length === 0 ? [`#${key}=`] : defaults.map((text) => `${key}=${text}`)),
        );
      }
    }
    lines.push('');
  }
  for (const finding of [...errors, ...warnings]) lines.push(`# ${formatFinding(finding)}`);
  return `${lines.join('\n').trimEnd()}\n`;
}
