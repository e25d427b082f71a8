import { Option } from 'commander';
import { addAccountsCommands } from './commands/accounts.ts';
import { addCertCommands } from './commands/cert.ts';
import { addCompletionCommand } from './commands/completion.ts';
import { addConfigCommands } from './commands/config.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addFileSystemCommands } from './commands/fs.ts';
import { addNodeCommands } from './commands/node.ts';
import { addStatusCommand } from './commands/status.ts';
import { addVersionCommand } from './commands/version.ts';
import { addVoCommands } from './commands/vo.ts';
import { addJoinCommand } from './commands/vo-join.ts';
import { addVolumeCommands } from './commands/volume.ts';
import { addWhoamiCommand } from './commands/whoami.ts';
import { makePerform, type Surroundings } from './invocation.ts';
import { XosCommand } from './xos-command.ts';

/** The whole command tree: the one source of `--help`, of the completions and of the man pages' checks. */
export function buildProgram(surroundings: Surroundings): XosCommand {
  const program = new XosCommand('xos');
  program
    .description('XtreemOS: Virtual Organizations, grid certificates, nodes and accounts.')
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .addOption(
      new Option('--json <mode>', 'print the result as JSON')
        .choices(['short', 'pretty', 'off'])
        .default('off'),
    )
    .addOption(
      new Option('--root <directory>', 'take all paths of the host below DIRECTORY').default('/').hideHelp(),
    )
    .addHelpText(
      'after',
      '\nSee xos(1); the page of a noun is xos-vo(1), xos-cert(1), xos-node(1), xos-volume(1), xos-accounts(1); xos-doctor(1) examines a host.',
    );
  const perform = makePerform(surroundings);
  addWhoamiCommand(program, perform);
  addStatusCommand(program, perform);
  addDoctorCommand(program, perform);
  addJoinCommand(program, perform);
  addCertCommands(program, perform);
  addVoCommands(program, perform);
  addNodeCommands(program, perform);
  addFileSystemCommands(program, perform);
  addVolumeCommands(program, perform);
  addAccountsCommands(program, perform);
  addConfigCommands(program, perform);
  addCompletionCommand(program, perform);
  addVersionCommand(program, perform);
  return program;
}
