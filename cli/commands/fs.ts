import { fileSystemStatus } from '../fs/file-system-status.ts';
import type { Perform } from '../invocation.ts';
import { voValue } from '../option-values.ts';
import { addCommand, type XosCommand } from '../xos-command.ts';

/** `xos fs`: the servers of XtreemFS, for their administrators. */
export function addFileSystemCommands(program: XosCommand, perform: Perform): void {
  const fs = addCommand(program, 'fs', { summary: 'the servers of the file system XtreemFS' });
  addCommand(fs, 'status', {
    summary: 'show servers and volumes that the directory service knows (root)',
    description:
      'Show the servers and volumes of the file system that its directory service (DIR) knows: where each is reached, ' +
      'whether it still tells of itself, and the free space of those that store. Exit status 1 where one is silent.',
    examples: [['xos fs status --directory dir1.example.org', '']],
  })
    .option(
      '--directory <host>',
      'the host of the DIR, HOST or HOST:PORT (default: Directory= of client.conf, else this host)',
    )
    .option('--vo <vo>', 'the VO, where this host has joined several', voValue)
    .action(perform(fileSystemStatus));
}
