import type { DirectoryClient } from '@xtreemos/xtreemfs';
import type { OsdSelection, OsdState } from './placement.ts';

/** Takes over what the DIR knows of the OSDs. @throws when it cannot be asked: what was known goes on to count */
export async function learnOsds(
  directory: Pick<DirectoryClient, 'servicesOf'>,
  selection: OsdSelection,
): Promise<void> {
  const services = await directory.servicesOf('osd');
  selection.update(
    services.map(({ uuid, data, lastUpdatedS }): OsdState => {
      const freeBytes = countOf(data['usable'] ?? data['free']);
      return {
        uuid,
        freeBytes,
        totalBytes: Math.max(countOf(data['total']), freeBytes),
        lastSeenMs: lastUpdatedS * 1000,
      };
    }),
  );
}

/** What an OSD tells of itself; nonsense is no space. */
function countOf(text: string | undefined): number {
  const count = Number(text ?? '0');
  return Number.isSafeInteger(count) && count > 0 ? count : 0;
}
