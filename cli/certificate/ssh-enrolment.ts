import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { reasonOf, writeFileAtomically, XosError } from '@xtreemos/base';
import { parseSshCertificate, parseSshPublicKey } from '@xtreemos/identity';
import type { Invocation } from '../invocation.ts';
import type { Identity } from '../option-values.ts';
import type { Report } from '../output/report.ts';
import { rfc3339 } from '../output/stable-json.ts';
import { momentText } from '../output/time-text.ts';
import { findUserCredential } from '../user-credential.ts';
import { type Access, type ConnectionOptions, withVoClient } from '../vo-connection.ts';
import { refuseSharedStandardInput, type SignInOptions, saysHow, signIn } from './sign-in.ts';

interface SshOptions extends ConnectionOptions, SignInOptions {
  readonly key?: string;
  readonly out?: string;
  readonly lifetime?: number;
}

const usualKeys = ['id_ed25519.pub', 'id_ecdsa.pub', 'id_rsa.pub'] as const;

/** `xos cert ssh`: only the public key travels. */
export async function requestSshCertificate(
  invocation: Invocation,
  options: SshOptions,
  identity: Identity | undefined,
): Promise<Report> {
  refuseSharedStandardInput(options.tokenFile, options.passwordFile, options.passphraseFile);
  if (identity === undefined && saysHow(options)) {
    throw new XosError('XOS_USAGE', {
      reason: 'a token or password was given, but not whose; give USER@VO',
      help: '`xos cert ssh --help`',
    });
  }
  const keyFile = options.key ?? usualKeyFile(invocation.environment);
  const publicKey = readPublicKey(keyFile);
  const { vo, access, proof } = await whoAsks(invocation, options, identity);
  const issued = await withVoClient(invocation, options, vo, access, (client) =>
    client.requestSshCertificate(vo, {
      publicKey,
      ...proof,
      ...(options.lifetime === undefined ? {} : { lifetimeSeconds: options.lifetime }),
    }),
  );
  const certificate = parseSshCertificate(issued.certificate);
  if (!certificate.publicKey.blob.equals(parseSshPublicKey(publicKey).blob)) {
    throw new XosError('XOS_PROTOCOL', {
      peer: `The VO service of ${vo}`,
      attempt: 'an SSH certificate request',
      reason: 'the certificate is for another key than the one sent. Nothing was written',
    });
  }
  const file = options.out ?? keyFile.replace(/(?:\.pub)?$/, '-cert.pub');
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  await writeFileAtomically(file, `${issued.certificate.trim()}\n`, { mode: 0o644 });
  return {
    data: {
      user: issued.user,
      vo,
      serial: issued.serial,
      principals: [...issued.principals],
      notBefore: rfc3339(issued.notBeforeMs),
      notAfter: rfc3339(issued.notAfterMs),
      file,
    },
    text: () =>
      `SSH certificate of ${issued.principals.join(', ')}, valid until ${momentText(issued.notAfterMs, invocation.nowMs())}\n` +
      `Written: ${file}\nLog in with: ssh ${issued.user}@ALIAS@HOST, ALIAS being the VO's name on that host\n`,
  };
}

function usualKeyFile(environment: NodeJS.ProcessEnv): string {
  const directory = join(environment['HOME'] ?? homedir(), '.ssh');
  const found = usualKeys.map((name) => join(directory, name)).find((file) => existsSync(file));
  if (found === undefined) {
    throw new XosError('XOS_USAGE', {
      reason: `there is no SSH key in ${directory}; make one with ssh-keygen -t ed25519, or give --key FILE`,
      help: '`xos cert ssh --help`',
    });
  }
  return found;
}

function readPublicKey(file: string): string {
  let line: string;
  try {
    line = (readFileSync(file, 'utf8').split('\n', 1)[0] ?? '').trim();
  } catch (error) {
    throw new XosError(
      'XOS_USAGE',
      {
        reason: `could not read the SSH public key ${file}: ${reasonOf(error)}`,
        help: '`xos cert ssh --help`',
      },
      { cause: error },
    );
  }
  if (line.startsWith('-----BEGIN')) {
    throw new XosError('XOS_USAGE', {
      reason: `${file} is a private key; give its public key, ${file}.pub`,
      help: '`xos cert ssh --help`',
    });
  }
  parseSshPublicKey(line);
  return line;
}

/** The person by token or password where one was given, else by certificate. */
async function whoAsks(
  invocation: Invocation,
  options: SshOptions,
  identity: Identity | undefined,
): Promise<{ readonly vo: string; readonly access: Access; readonly proof: object }> {
  if (identity !== undefined && saysHow(options)) {
    const proof = await signIn(invocation, options, identity);
    return { vo: identity.vo, access: 'public', proof: { user: identity.user, ...proof } };
  }
  const { credential, where } = await findUserCredential(invocation, options, identity?.vo);
  const endEntity = [credential.certificate, ...credential.chain].find(({ xos }) => xos.guid !== undefined);
  const vo = identity?.vo ?? endEntity?.xos.vos?.[0];
  if (vo === undefined) {
    throw new XosError('XOS_CREDENTIAL_UNREADABLE', { name: where, reason: 'it names no VO' });
  }
  return { vo, access: credential, proof: {} };
}
