import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf } from '@xtreemos/base';
import { readNssMap } from '@xtreemos/module-protocol';
import type { Check } from '../check.ts';
import { failure, notInstalled, noVoJoined, ok, warning } from '../finding.ts';

/** What libnss_xos answers from; with a damaged or missing one every look-up asks xos-accounts. */
export const map: Check = {
  name: 'map',
  about: 'the NSS map: there, and every checksum in it right',
  examine: async (host) => {
    if (!host.parts.accounts) return [notInstalled('xtreemos-accounts')];
    const file = join(host.paths.runDirectory, 'nss', 'accounts.map');
    if (!existsSync(file)) {
      return host.vos.length === 0
        ? [noVoJoined()]
        : [
            warning(
              `${file} is missing: look-ups ask xos-accounts, and fail while it is stopped`,
              'systemctl restart xos-helper xos-accounts',
            ),
          ];
    }
    try {
      const { passwd, groups, generation } = readNssMap(await readFile(file));
      return [
        ok(
          `${passwd.length} accounts and ${groups.length} groups, generation ${generation}, checksums right`,
        ),
      ];
    } catch (error) {
      return [
        failure(
          `${file}: ${reasonOf(error)}; look-ups ask xos-accounts instead`,
          'systemctl restart xos-accounts',
        ),
      ];
    }
  },
};
