/**
 * A PAM client. Each transaction has a thread of its own, on which every module runs; the conversation comes back to
 * JavaScript while that thread waits.
 *
 * What a module does to "its" process it does to the whole of this one (setgroups, environment, umask, SIGCHLD) or, for
 * session keyrings, to that thread alone: a program that opens sessions for people should do nothing else.
 */
import { addon, type NativeMessage, type NativeOutcome, type NativeTransaction } from './addon.ts';
import { PamError } from './pam-error.ts';

export { PamError, type PamStatusName } from './pam-error.ts';

/** What a module says or asks (pam_conv(3)). */
export interface ConversationMessage {
  /** 'secret': asks, do not echo; 'visible': asks, echo; 'error' and 'info': says, wants no answer. */
  readonly style: 'secret' | 'visible' | 'error' | 'info';
  readonly text: string;
}

/**
 * Answers each message in turn: a string (no NUL, at most 1 MiB) for a question, null for what wants no answer.
 * Throwing, rejecting or answering in another form gives the module PAM_CONV_ERR.
 */
export type Conversation = (
  messages: readonly ConversationMessage[],
) => readonly (string | null)[] | Promise<readonly (string | null)[]>;

export interface PamOptions {
  /** Names the file in /etc/pam.d. */
  readonly service: string;
  /** Modules ask for it when it is not given. */
  readonly user?: string;
  readonly conversation: Conversation;
  /** Reads the service's file from this directory instead (pam_start_confdir(3)). */
  readonly confdir?: string;
  /** PAM_TTY */
  readonly tty?: string;
  /** PAM_RHOST */
  readonly remoteHost?: string;
  /** PAM_RUSER */
  readonly remoteUser?: string;
}

export type PamItem = 'user' | 'tty' | 'remoteHost' | 'remoteUser' | 'service' | 'userPrompt';

/** pam_setcred(3) */
export type CredentialAction = 'establish' | 'delete' | 'reinitialize' | 'refresh';

export interface PamFlags {
  /** PAM_SILENT */
  readonly silent?: boolean;
  /** PAM_DISALLOW_NULL_AUTHTOK */
  readonly disallowNullPassword?: boolean;
}

/**
 * One transaction. Its calls run one after another, in the order they were made; each rejects with {@link PamError}
 * when PAM refuses, and with Error once the transaction has ended. End it in every case, with `end()` or `await using`.
 */
export interface PamTransaction extends AsyncDisposable {
  authenticate(flags?: PamFlags): Promise<void>;
  accountManagement(flags?: PamFlags): Promise<void>;
  setCredentials(action: CredentialAction, flags?: PamFlags): Promise<void>;
  openSession(flags?: PamFlags): Promise<void>;
  closeSession(flags?: PamFlags): Promise<void>;
  /** pam_chauthtok(3); `expiredOnly`: PAM_CHANGE_EXPIRED_AUTHTOK */
  changePassword(options?: PamFlags & { readonly expiredOnly?: boolean }): Promise<void>;
  /** null when the item is not set. */
  getItem(item: PamItem): Promise<string | null>;
  setItem(item: PamItem, value: string | null): Promise<void>;
  /** The PAM environment. */
  getEnvironment(): Promise<ReadonlyMap<string, string>>;
  /** null removes the variable. */
  putEnvironment(name: string, value: string | null): Promise<void>;
  /** Fails the running conversation and all later ones with PAM_CONV_ERR; the transaction still has to be ended. */
  abort(): void;
  /** pam_end(3) with the status of the last call. Fails a running conversation first. Later calls do nothing. */
  end(): Promise<void>;
}

// Numbers of <security/_pam_types.h>.
const calls = {
  pam_authenticate: 0,
  pam_acct_mgmt: 1,
  pam_setcred: 2,
  pam_open_session: 3,
  pam_close_session: 4,
  pam_chauthtok: 5,
} as const;
const items = { service: 1, user: 2, tty: 3, remoteHost: 4, remoteUser: 8, userPrompt: 9 } as const;
const credentialFlags = { establish: 0x2, delete: 0x4, reinitialize: 0x8, refresh: 0x10 } as const;
const changeExpiredOnly = 0x20;
const styles: Readonly<Record<number, ConversationMessage['style']>> = {
  1: 'secret',
  2: 'visible',
  3: 'error',
  4: 'info',
};

function flagBits(flags: PamFlags): number {
  return (flags.silent === true ? 0x8000 : 0) | (flags.disallowNullPassword === true ? 0x1 : 0);
}

function insist(call: string, outcome: NativeOutcome): void {
  if (outcome.status !== 0) throw new PamError(call, outcome.status, outcome.reason);
}

/**
 * Starts a transaction.
 * @throws PamError when pam_start fails, such as PAM_ABORT where neither the service nor `other` is configured
 */
export async function startPam(options: PamOptions): Promise<PamTransaction> {
  const { conversation } = options;
  if (typeof conversation !== 'function') throw new TypeError('conversation must be a function');
  const converse = async (messages: readonly NativeMessage[]): Promise<readonly (string | null)[]> =>
    conversation(
      messages.map(([style, text]) => {
        const known = styles[style];
        if (known === undefined) throw new Error(`PAM sent a message of unknown style ${style}`);
        return { style: known, text };
      }),
    );
  const native: NativeTransaction = new addon.Transaction(
    options.service,
    options.user ?? null,
    options.confdir ?? null,
    (id, messages) => {
      // An answer in the wrong form throws here and, like a rejection, fails the conversation.
      converse(messages)
        .then((responses) => native.answer(id, responses))
        .catch(() => native.answer(id, null));
    },
  );
  const started = await native.start();
  if (started.status !== 0) await native.end();
  insist('pam_start', started);
  const transaction = new Transaction(native);
  try {
    if (options.tty !== undefined) await transaction.setItem('tty', options.tty);
    if (options.remoteHost !== undefined) await transaction.setItem('remoteHost', options.remoteHost);
    if (options.remoteUser !== undefined) await transaction.setItem('remoteUser', options.remoteUser);
  } catch (error) {
    await transaction.end();
    throw error;
  }
  return transaction;
}

class Transaction implements PamTransaction {
  readonly #native: NativeTransaction;

  constructor(native: NativeTransaction) {
    this.#native = native;
  }

  async #run(call: keyof typeof calls, flags: number): Promise<void> {
    insist(call, await this.#native.run(calls[call], flags));
  }

  authenticate(flags: PamFlags = {}): Promise<void> {
    return this.#run('pam_authenticate', flagBits(flags));
  }

  accountManagement(flags: PamFlags = {}): Promise<void> {
    return this.#run('pam_acct_mgmt', flagBits(flags));
  }

  setCredentials(action: CredentialAction, flags: PamFlags = {}): Promise<void> {
    return this.#run('pam_setcred', credentialFlags[action] | flagBits(flags));
  }

  openSession(flags: PamFlags = {}): Promise<void> {
    return this.#run('pam_open_session', flagBits(flags));
  }

  closeSession(flags: PamFlags = {}): Promise<void> {
    return this.#run('pam_close_session', flagBits(flags));
  }

  changePassword(options: PamFlags & { readonly expiredOnly?: boolean } = {}): Promise<void> {
    const expired = options.expiredOnly === true ? changeExpiredOnly : 0;
    return this.#run('pam_chauthtok', expired | flagBits(options));
  }

  async getItem(item: PamItem): Promise<string | null> {
    const outcome = await this.#native.getItem(items[item]);
    insist('pam_get_item', outcome);
    return outcome.value;
  }

  async setItem(item: PamItem, value: string | null): Promise<void> {
    insist('pam_set_item', await this.#native.setItem(items[item], value));
  }

  async getEnvironment(): Promise<ReadonlyMap<string, string>> {
    const outcome = await this.#native.getEnvironment();
    insist('pam_getenvlist', outcome);
    return new Map(
      outcome.list.map((assignment) => {
        const equals = assignment.indexOf('=');
        return [assignment.slice(0, equals), assignment.slice(equals + 1)];
      }),
    );
  }

  async putEnvironment(name: string, value: string | null): Promise<void> {
    if (name === '' || name.includes('='))
      throw new RangeError('the name of a variable has no "=" and is not empty');
    insist('pam_putenv', await this.#native.putEnvironment(value === null ? name : `${name}=${value}`));
  }

  abort(): void {
    this.#native.abort();
  }

  async end(): Promise<void> {
    insist('pam_end', await this.#native.end());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}
