import { createPrivateKey } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { reasonOf, XosError } from '@xtreemos/base';
import { parseCertificateChain } from '@xtreemos/identity';
import { VoClient } from '@xtreemos/vo-client';
import type { Invocation } from '../invocation.ts';
import type { Report } from '../output/report.ts';
import { confirmPlainly } from '../prompt/confirmation.ts';
import { listHostVoRecords, rootOf, type VoRecord } from '../vo-record.ts';
import { tellAccounts } from './accounts-notice.ts';
import { fitFileSystemServers } from './file-system-servers.ts';
import { FileTransaction } from './file-transaction.ts';
import { withSshAuthorities } from './ssh-authorities.ts';
import { filesOfVoAlone, manifestFile } from './trust-installation.ts';

export interface LeaveOptions {
  readonly yes?: boolean;
  readonly force?: boolean;
}

/** `xos node leave`: the service first, so that it stops issuing; then everything that joining installed. */
export async function leaveNode(
  invocation: Invocation,
  options: LeaveOptions,
  name: string,
): Promise<Report> {
  const { paths } = invocation;
  const record = listHostVoRecords(paths).find(({ vo, alias }) => vo === name || alias === name);
  if (record === undefined) throw new XosError('XOS_VO_UNKNOWN', { vo: name });
  await confirmPlainly(
    invocation.prompts,
    options.yes,
    `Leave ${record.vo}? Its members' sessions here end and they cannot log in any more.`,
    `Leaving ${record.vo}`,
  );
  const told = await tellService(invocation, record, options.force === true);

  const transaction = new FileTransaction();
  transaction.remove(record.file);
  const former = existsSync(paths.sshUserCaFile) ? readFileSync(paths.sshUserCaFile, 'utf8') : undefined;
  if (former !== undefined) {
    transaction.put(paths.sshUserCaFile, withSshAuthorities(former, record.vo, []), { mode: 0o644 });
  }
  for (const file of filesOfVoAlone(paths, record.vo)) {
    transaction.remove(join(paths.gridSecurityDirectory, file));
    if (/\.r\d$/.test(file)) transaction.remove(join(paths.crlDirectory, file));
  }
  const hostDirectory = join(paths.hostKeyDirectory, record.vo);
  if (existsSync(hostDirectory)) {
    for (const file of readdirSync(hostDirectory)) {
      if (/^[a-z]+\.(?:key|pem)$/.test(file)) transaction.remove(join(hostDirectory, file));
    }
    transaction.remove(manifestFile(paths, record.vo));
  }
  transaction.commit();
  if (existsSync(hostDirectory) && readdirSync(hostDirectory).length === 0) rmdirSync(hostDirectory);

  const notice = await tellAccounts('');
  await fitFileSystemServers(invocation, 'left');
  return {
    data: { vo: record.vo, left: true, serviceTold: told, accountsTold: notice.told },
    text: () => `This host has left ${record.vo}.\n${notice.text}`,
  };
}

async function tellService(invocation: Invocation, record: VoRecord, force: boolean): Promise<boolean> {
  try {
    const directory = join(invocation.paths.hostKeyDirectory, record.vo);
    const certificateChain = readFileSync(join(directory, 'accounts.pem'), 'utf8');
    const privateKey = createPrivateKey(readFileSync(join(directory, 'accounts.key')));
    const hostname = hostnameOf(certificateChain);
    const client = new VoClient({
      url: record.serviceUrl ?? '',
      trust: {
        kind: 'directory',
        path: invocation.paths.gridSecurityDirectory,
        ...rootOf(record),
      },
      credential: { certificateChain, privateKey },
      nowMs: invocation.nowMs,
    });
    try {
      await invocation.slowly(`Telling ${record.serviceUrl}`, () => client.leaveVo(record.vo, hostname));
    } finally {
      client.close();
    }
    return true;
  } catch (error) {
    if (force) {
      invocation.note(
        `the service of ${record.vo} was not told: ${reasonOf(error)}; let its administrator revoke this node`,
      );
      return false;
    }
    if (error instanceof XosError) {
      invocation.note('nothing was changed; --force leaves without telling the service');
      throw error;
    }
    throw new XosError(
      'XOS_CREDENTIAL_UNREADABLE',
      {
        name: join(invocation.paths.hostKeyDirectory, record.vo),
        reason: `${reasonOf(error)}; --force leaves without telling the service`,
      },
      { cause: error },
    );
  }
}

function hostnameOf(pem: string): string {
  const name = parseCertificateChain(pem)[0]?.subject.commonName;
  if (name === undefined) throw new Error('the host certificate has no name');
  return name;
}
