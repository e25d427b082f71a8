import { parseSshPublicKey } from '@xtreemos/identity';

/** `# VO <id>` opens the lines of a VO in TrustedUserCAKeys, which allows comments (sshd_config(5)). */
const heading = (vo: string): string => `# VO ${vo}`;

/** The file with the VO's authorities replaced, or taken out where the list is empty. Lines of others stay. */
export function withSshAuthorities(content: string, vo: string, authorities: readonly string[]): string {
  const kept: string[] = [];
  let isOfVo = false;
  for (const line of content.split('\n')) {
    if (line.startsWith('# VO ')) isOfVo = line === heading(vo);
    if (!isOfVo && line !== '') kept.push(line);
  }
  const added = authorities.map((line) => {
    const { type, blob } = parseSshPublicKey(line);
    return `${type} ${blob.toString('base64')} ${vo}`;
  });
  const lines = added.length === 0 ? kept : [...kept, heading(vo), ...added];
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}
