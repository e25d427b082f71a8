import { createRequire } from 'node:module';

/** [style, text] with PAM's numbers. */
export type NativeMessage = readonly [style: number, text: string];

export interface NativeOutcome {
  readonly status: number;
  /** pam_strerror(3), '' for PAM_SUCCESS. */
  readonly reason: string;
}

export interface NativeTransaction {
  /** pam_start(3); has to be the first call. */
  start(): Promise<NativeOutcome>;
  /** A call with flags: 0 authenticate, 1 acct_mgmt, 2 setcred, 3 open_session, 4 close_session, 5 chauthtok. */
  run(call: number, flags: number): Promise<NativeOutcome>;
  getItem(item: number): Promise<NativeOutcome & { readonly value: string | null }>;
  setItem(item: number, value: string | null): Promise<NativeOutcome>;
  getEnvironment(): Promise<NativeOutcome & { readonly list: readonly string[] }>;
  putEnvironment(assignment: string): Promise<NativeOutcome>;
  /** null fails the conversation. An id that is no longer asked is ignored. */
  answer(conversation: number, responses: readonly (string | null)[] | null): void;
  abort(): void;
  end(): Promise<NativeOutcome>;
}

interface PamAddon {
  /** `onConversation` is called for each conversation, which then waits for `answer`. */
  readonly Transaction: new (
    service: string,
    user: string | null,
    confdir: string | null,
    onConversation: (conversation: number, messages: readonly NativeMessage[]) => void,
  ) => NativeTransaction;
}

/** A bundle takes the addon from where the packages install it (packaging/bundle.ts), a checkout from its build. */
declare const XOS_ADDONS: string | undefined;

function load(): PamAddon {
  const file = `${typeof XOS_ADDONS === 'string' ? XOS_ADDONS : './build'}/pam.node`;
  try {
    return createRequire(import.meta.url)(file) as PamAddon;
  } catch (cause) {
    throw new Error(`cannot load ${file}: install xtreemos-native, or in a checkout \`make -C native\``, {
      cause,
    });
  }
}

export const addon: PamAddon = load();
