/** What is about to happen; a policy may treat each differently. */
export type AccessAction = 'login' | 'session' | 'run';

/** What the VO says of the person, taken from the signed membership list, never from the person's own claim. */
export interface Principal {
  /** `user@<VO id>` */
  readonly globalUserId: string;
  /** VO id, a DNS name. */
  readonly vo: string;
  readonly user: string;
  /** `user@alias`, the name typed at the prompt. */
  readonly login: string;
  /** Stays the same when the person is renamed, and differs when a name is given to somebody else. */
  readonly guid: string;
  /** `/vo/group[/Role=role]`, as on the membership list. */
  readonly fqans: readonly string[];
  /** False when the person is on no valid list, suspended, or past the end of the membership. */
  readonly activeMember: boolean;
}

export interface AccessRequest {
  readonly principal: Principal;
  readonly action: AccessAction;
  /** The PAM service (`login`, `sshd`) or the front end that asks. */
  readonly service: string;
  /** Address or host name the person comes from; empty on the console. */
  readonly remoteHost: string;
  /** Milliseconds since the epoch; policies never read a clock of their own. */
  readonly atMs: number;
}
