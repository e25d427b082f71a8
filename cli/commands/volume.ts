import { parseByteSize } from '@xtreemos/base';
import { InvalidArgumentError, Option } from 'commander';
import type { Perform } from '../invocation.ts';
import { countValue, gathered, voValue } from '../option-values.ts';
import { checkVolume } from '../volume/volume-check.ts';
import { repairVolume } from '../volume/volume-repair.ts';
import {
  createVolume,
  listVolumes,
  removeVolume,
  setVolume,
  showVolume,
  type UserQuota,
  volumeUsage,
} from '../volume/volume-verbs.ts';
import { addCommand, type XosCommand } from '../xos-command.ts';

/** `xos volume`: volumes of XtreemFS, for the administrator of their MRC's host. */
export function addVolumeCommands(program: XosCommand, perform: Perform): void {
  const volume = addCommand(program, 'volume', { summary: 'volumes of the file system XtreemFS' });
  addCommand(volume, 'create <name>', {
    summary: 'make a volume (root, on the host of the MRC)',
    examples: [
      ['xos volume create data --owner alice@physics.example.org', 'a volume that is hers'],
      [
        'xos volume create scratch --owner alice@physics.example.org --mode 1777 --width 4 --quota 10T',
        'for everybody in the VO, each file striped over four OSDs',
      ],
    ],
  })
    .requiredOption('--owner <user>', 'whose the root directory is, USER@VO')
    .option('--group <group>', 'its group (default: the owner’s own)')
    .addOption(new Option('--mode <octal>', 'its permissions').argParser(modeValue).default(0o755, '0755'))
    .option('--vo <vo>', 'whose members may use it (default: the VO of the MRC)', voValue)
    .addOption(
      new Option('--stripe-size <size>', 'of files made in it, a multiple of 1K')
        .argParser(stripeSizeValue)
        .default(128 * 1024, '128K'),
    )
    .option('--width <count>', 'OSDs that a file is striped over', widthValue, 1)
    .option('--osds <policy>', 'which are taken: random, free-space, or UUIDs with commas between', 'random')
    .addOption(
      new Option('--atime <policy>', 'whether reads set the time of access')
        .choices(['noatime', 'relatime'])
        .default('noatime'),
    )
    .addOption(
      new Option('--consistency <policy>', 'what a mount sees of what others write')
        .choices(['close-to-open', 'strict'])
        .default('close-to-open'),
    )
    .option('--quota <size>', 'bytes of all files together', sizeValue)
    .option('--file-quota <count>', 'files and directories', countValue)
    .option('--user-quota <size>', 'bytes of the files of each user', sizeValue)
    .option(
      '--foreign-ids <host>',
      'a host whose root may keep files of ids that are nobody’s in the VO; may be given again',
      gathered,
    )
    .action(perform(createVolume));
  addCommand(volume, 'set <name>', {
    summary: 'change settings of a volume while it is used (root)',
    examples: [
      ['xos volume set data --quota 20T --user-quota none', 'more for all, no limit for each'],
      ['xos volume set data --quota-of alice@physics.example.org=2T', 'a limit of her own'],
      ['xos volume set data --width 4', 'files that are made from now on'],
    ],
  })
    .option('--stripe-size <size>', 'of files made from now on, a multiple of 1K', stripeSizeValue)
    .option('--width <count>', 'OSDs that a file made from now on is striped over', widthValue)
    .option('--osds <policy>', 'which are taken: random, free-space, or UUIDs with commas between')
    .addOption(
      new Option('--atime <policy>', 'whether reads set the time of access').choices(['noatime', 'relatime']),
    )
    .addOption(
      new Option('--consistency <policy>', 'what a mount made from now on sees of what others write').choices(
        ['close-to-open', 'strict'],
      ),
    )
    .option('--quota <size>', 'bytes of all files together, or none', limitValue)
    .option('--file-quota <count>', 'files and directories, or none', fileLimitValue)
    .option('--user-quota <size>', 'bytes of the files of each user, or none', limitValue)
    .option('--quota-of <user=size>', 'of one user, or none; may be given again', userQuotaValue)
    .option(
      '--foreign-ids <host>',
      'hosts whose root may keep files of ids that are nobody’s in the VO, instead of those before; may be given again; or none',
      gathered,
    )
    .action(perform(setVolume));
  addCommand(volume, 'list', {
    summary: 'list the volumes of this host’s MRC (root)',
    examples: [['xos volume list --json=pretty', 'for programs']],
  }).action(perform(listVolumes));
  addCommand(volume, 'show <name>', {
    summary: 'show a volume (root)',
    examples: [['xos volume show data', '']],
  }).action(perform(showVolume));
  addCommand(volume, 'usage <name>', {
    summary: 'show how much is in a volume (root)',
    examples: [['xos volume usage data --watch', 'a line each second: what is there, and how fast it grows']],
  })
    .option('--watch [lines]', 'go on, a line each second on standard error, LINES of them', countValue)
    .action(perform(volumeUsage));
  addCommand(volume, 'check <name>', {
    summary: 'compare what the MRC and the OSDs have of a volume (root)',
    examples: [
      ['xos volume check data', 'while it is used; changes nothing'],
      ['xos volume check data --content --json=pretty', 'reads all of it, for programs'],
    ],
  })
    .option('--content', 'read all objects and compare them with their checksums')
    .action(perform(checkVolume));
  addCommand(volume, 'repair <name>', {
    summary: 'repair what a check of a volume finds (root)',
    examples: [
      ['xos volume repair data --dry-run', 'what it would do'],
      ['xos volume repair data', 'shows that and asks; while the volume is used'],
    ],
  })
    .option('--dry-run', 'change nothing and tell what would be done')
    .option('--delete-orphans', 'remove objects that no file owns; they are kept otherwise')
    .option('--yes', 'do not ask')
    .action(perform(repairVolume));
  addCommand(volume, 'remove <name>', {
    summary: 'remove a volume with all that is in it (root)',
    examples: [['xos volume remove scratch', 'asks for its name once more']],
  })
    .option('--yes', 'do not ask')
    .action(perform(removeVolume));
}

function modeValue(text: string): number {
  if (!/^[0-7]{3,4}$/.test(text))
    throw new InvalidArgumentError('It has to be permissions in octal, such as 1777.');
  return Number.parseInt(text, 8);
}

function sizeValue(text: string): number {
  const bytes = parseByteSize(text);
  if (bytes === undefined || bytes <= 0) throw new InvalidArgumentError('It has to be a size such as 500G.');
  return bytes;
}

function limitValue(text: string): number {
  return text === 'none' ? 0 : sizeValue(text);
}

function fileLimitValue(text: string): number {
  return text === 'none' ? 0 : countValue(text);
}

function userQuotaValue(text: string, former: readonly UserQuota[] | undefined): readonly UserQuota[] {
  const at = text.lastIndexOf('=');
  const user = text.slice(0, at);
  if (at < 1 || /[\s,=]/.test(user))
    throw new InvalidArgumentError('It has to be USER=SIZE, such as alice@physics.example.org=2T.');
  return [...(former ?? []), { user, bytes: limitValue(text.slice(at + 1)) }];
}

function stripeSizeValue(text: string): number {
  const bytes = sizeValue(text);
  if (bytes % 1024 !== 0 || bytes > 16 * 1024 * 1024)
    throw new InvalidArgumentError('It has to be a multiple of 1K, at most 16M.');
  return bytes;
}

function widthValue(text: string): number {
  const count = countValue(text);
  if (count < 1 || count > 64) throw new InvalidArgumentError('It has to be 1 to 64.');
  return count;
}
