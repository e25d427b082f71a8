/** What is on a host's disk and in its accounts and units, for comparing a host before and after. */
import type { Host } from './hosts.ts';

/** What a path or another fact is, by its name. */
export type HostContent = ReadonlyMap<string, string>;

/** Everything that is not of this boot alone: files with owner, mode and contents, users, groups, units. */
export async function contentOf(host: Host): Promise<HostContent> {
  const folders = '/etc /usr /var /opt /srv /root /home /boot /media /mnt';
  const listing = await host.succeed(
    `cd /; find ${folders} -xdev -printf 'entry\\t%p\\t%y %m %u:%g %l\\n'
     find ${folders} -xdev -type f -print0 | xargs -0 sha256sum | sed -E 's/^\\\\?([0-9a-f]{64})  (.*)$/content\\t\\2\\t\\1/'
     for base in passwd group; do getent $base | sed -E "s/^([^:]*):.*/account\\t$base \\1\\t&/"; done
     systemctl list-unit-files --no-legend --plain | awk '$2 != "transient" { print "unit\\t" $1 "\\t" $2 }'`,
    { timeoutMs: 120_000 },
  );
  const content = new Map<string, string>();
  for (const line of listing.split('\n')) {
    const [kind = '', name = '', value = ''] = line.split('\t');
    if (kind === '') continue;
    const key = kind === 'entry' || kind === 'content' ? name : `${kind} ${name}`;
    content.set(key, `${content.get(key) ?? ''} ${value}`);
  }
  return content;
}

/** One line for each name that differs, sorted, without those that `allowed` matches. */
export function differences(
  before: HostContent,
  after: HostContent,
  allowed: readonly RegExp[],
): readonly string[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return names.flatMap((name) => {
    const [was, is] = [before.get(name), after.get(name)];
    if (was === is || allowed.some((pattern) => pattern.test(name))) return [];
    return [`${name}: ${was ?? 'was not there'} -> ${is ?? 'is gone'}`];
  });
}
