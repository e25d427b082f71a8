import { userInfo } from 'node:os';
import type { Account } from '@xtreemos/accounts-client';
import { isXosError, XosError } from '@xtreemos/base';
import type { Certificate } from '@xtreemos/identity';
import { withAccounts } from '../accounts-connection.ts';
import type { Invocation } from '../invocation.ts';
import { fields } from '../output/fields.ts';
import type { Report } from '../output/report.ts';
import { stableJson } from '../output/stable-json.ts';
import { momentText } from '../output/time-text.ts';
import { certificatesIn, proxyFileCredential, sessionKeyringCredential } from '../user-credential.ts';

/** The answer of `xos whoami`; every name is there in JSON, null where nothing is known. */
interface Person {
  readonly identity: string;
  readonly user: string;
  readonly vo: string;
  readonly login: string | null;
  readonly guid: string;
  readonly fqans: readonly string[];
  readonly primaryFqan: string | null;
  readonly notAfterMs: number | null;
  readonly sessionId: string | null;
  readonly source: string;
}

/** `xos whoami` */
export async function whoami(invocation: Invocation): Promise<Report> {
  const found = (await sessionKeyringCredential()) ?? proxyFileCredential(invocation.environment);
  const person =
    found === undefined
      ? await personOfUid(invocation)
      : personOfCertificates(invocation.environment, certificatesIn(found), found.where);
  const nowMs = invocation.nowMs();
  const expired = person.notAfterMs !== null && person.notAfterMs <= nowMs;
  return {
    data: stableJson(person),
    exitCode: expired || found === undefined ? 5 : 0,
    text: (terminal) =>
      fields(personFields(person, nowMs), terminal) +
      (expired ? `${terminal.paint.bad('The certificate has expired')}: log in again.\n` : '') +
      (found === undefined
        ? `${terminal.paint.warn('This session has no credential')}: log in to get one.\n`
        : ''),
  };
}

function personOfCertificates(
  environment: NodeJS.ProcessEnv,
  chain: readonly Certificate[],
  where: string,
): Person {
  const endEntity = chain.find(({ xos }) => xos.guid !== undefined);
  const vo = endEntity?.xos.vos?.[0];
  const user = endEntity?.subject.commonName;
  if (endEntity === undefined || vo === undefined || user === undefined) {
    throw new XosError('XOS_CREDENTIAL_UNREADABLE', {
      name: where,
      reason: 'it holds no XtreemOS certificate',
    });
  }
  return {
    identity: `${user}@${vo}`,
    user,
    vo,
    login: loginName(),
    guid: endEntity.xos.guid ?? '',
    fqans: endEntity.xos.fqans ?? [],
    primaryFqan: endEntity.xos.primaryFqans?.[0] ?? null,
    notAfterMs: Math.min(...chain.map(({ notAfter }) => notAfter.getTime())),
    sessionId: environment['XOS_SESSION_ID'] ?? null,
    source: where,
  };
}

/** Without a credential, the inverse map still says whose account this uid is. */
async function personOfUid(invocation: Invocation): Promise<Person> {
  const uid = process.getuid?.() ?? -1;
  let account: Account;
  try {
    account = await withAccounts(invocation, (client) => client.getAccountByUid(uid));
  } catch (error) {
    if (
      isXosError(error, 'XOS_NOT_FOUND') ||
      isXosError(error, 'XOS_UNREACHABLE') ||
      isXosError(error, 'XOS_TIMEOUT')
    ) {
      throw new XosError(
        'XOS_CREDENTIAL_MISSING',
        { who: `uid ${uid}`, where: 'the session keyring, $X509_USER_PROXY and the account map' },
        { cause: error },
      );
    }
    throw error;
  }
  return {
    identity: account.globalUserId,
    user: account.user,
    vo: account.vo,
    login: account.login,
    guid: account.guid,
    fqans: account.fqans,
    primaryFqan: account.fqans[0] ?? null,
    notAfterMs: null,
    sessionId: invocation.environment['XOS_SESSION_ID'] ?? null,
    source: `account map, uid ${uid}`,
  };
}

/** As NSS names the effective uid; null where it has no name. */
function loginName(): string | null {
  try {
    return userInfo().username;
  } catch {
    return null; // ENOENT: the uid has no passwd entry
  }
}

function personFields(person: Person, nowMs: number): Parameters<typeof fields>[0] {
  return [
    ['Person', person.identity],
    ['Login', person.login ?? undefined],
    ['GUID', person.guid],
    ['VO', person.vo],
    ['FQANs', person.fqans],
    ['Primary FQAN', person.primaryFqan ?? undefined],
    ['Certificate until', person.notAfterMs === null ? undefined : momentText(person.notAfterMs, nowMs)],
    ['Session', person.sessionId ?? undefined],
    ['Found in', person.source],
  ];
}
