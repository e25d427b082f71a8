import type { Perform } from '../invocation.ts';
import { whoami } from '../session/whoami.ts';
import { addCommand, type XosCommand } from '../xos-command.ts';

export function addWhoamiCommand(program: XosCommand, perform: Perform): void {
  addCommand(program, 'whoami', {
    summary: 'who you are in the grid',
    description:
      'Who you are in the grid: from the credential of the session keyring, else from the file $X509_USER_PROXY, else from ' +
      'the account that your uid is. Nothing is checked beyond the dates. Exits with 5 without a credential or where it has ' +
      'expired.',
    examples: [
      ['xos whoami', ''],
      ['xos whoami --json=short | jq -r .primaryFqan', 'the primary FQAN alone'],
    ],
  }).action(perform(whoami));
}
