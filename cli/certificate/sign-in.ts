import { XosError } from '@xtreemos/base';
import type { Invocation } from '../invocation.ts';
import type { Identity } from '../option-values.ts';

export interface SignInOptions {
  readonly tokenFile?: string;
  readonly password?: boolean;
  readonly passwordFile?: string;
}

/** What goes into a request beside the user name. */
export type SignIn = { readonly token: string } | { readonly password: string };

/** Whether any of the options says how to sign in. */
export function saysHow(options: SignInOptions): boolean {
  return options.tokenFile !== undefined || options.password === true || options.passwordFile !== undefined;
}

/**
 * One-time token or VO password, from a file or asked for. Where a person is asked for either, what was typed counts as a
 * token when it has a token's form.
 */
export async function signIn(
  invocation: Invocation,
  options: SignInOptions,
  identity: Identity,
): Promise<SignIn> {
  if (options.tokenFile !== undefined && (options.password === true || options.passwordFile !== undefined)) {
    throw new XosError('XOS_USAGE', {
      reason: 'a token and a password were both given; one of them signs in',
      help: '`xos cert request --help`',
    });
  }
  const who = `${identity.user}@${identity.vo}`;
  if (options.password === true || options.passwordFile !== undefined) {
    return {
      password: await invocation.prompts.secret(
        { what: 'VO password', option: '--password-file', file: options.passwordFile },
        `VO password of ${who}:`,
      ),
    };
  }
  const source = { what: 'token', option: '--token-file', file: options.tokenFile };
  if (options.tokenFile !== undefined) return { token: (await invocation.prompts.secret(source, '')).trim() };
  const typed = await invocation.prompts.secret(source, `One-time token or VO password of ${who}:`);
  return isOneTimeToken(typed.trim()) ? { token: typed.trim() } : { password: typed };
}

/** Standard input can be read for one secret only. */
export function refuseSharedStandardInput(...files: readonly (string | undefined)[]): void {
  if (files.filter((file) => file === '-').length > 1) {
    throw new XosError('XOS_USAGE', {
      reason: 'only one secret can come from standard input; put the other into a file',
      help: '`xos cert request --help`',
    });
  }
}

/** The form the VO service gives its one-time tokens: 24 random bytes in base64url. A password of that form needs --password. */
function isOneTimeToken(text: string): boolean {
  return /^[A-Za-z0-9_-]{32}$/.test(text);
}
