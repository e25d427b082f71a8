/** The return values of Linux-PAM, <security/_pam_types.h>, by number. */
const names = [
  'PAM_SUCCESS',
  'PAM_OPEN_ERR',
  'PAM_SYMBOL_ERR',
  'PAM_SERVICE_ERR',
  'PAM_SYSTEM_ERR',
  'PAM_BUF_ERR',
  'PAM_PERM_DENIED',
  'PAM_AUTH_ERR',
  'PAM_CRED_INSUFFICIENT',
  'PAM_AUTHINFO_UNAVAIL',
  'PAM_USER_UNKNOWN',
  'PAM_MAXTRIES',
  'PAM_NEW_AUTHTOK_REQD',
  'PAM_ACCT_EXPIRED',
  'PAM_SESSION_ERR',
  'PAM_CRED_UNAVAIL',
  'PAM_CRED_EXPIRED',
  'PAM_CRED_ERR',
  'PAM_NO_MODULE_DATA',
  'PAM_CONV_ERR',
  'PAM_AUTHTOK_ERR',
  'PAM_AUTHTOK_RECOVERY_ERR',
  'PAM_AUTHTOK_LOCK_BUSY',
  'PAM_AUTHTOK_DISABLE_AGING',
  'PAM_TRY_AGAIN',
  'PAM_IGNORE',
  'PAM_ABORT',
  'PAM_AUTHTOK_EXPIRED',
  'PAM_MODULE_UNKNOWN',
  'PAM_BAD_ITEM',
  'PAM_CONV_AGAIN',
  'PAM_INCOMPLETE',
] as const;

export type PamStatusName = (typeof names)[number] | 'PAM_UNKNOWN';

export function pamStatusName(status: number): PamStatusName {
  return names[status] ?? 'PAM_UNKNOWN';
}

/** PAM refused: `code` is the name of its return value. */
export class PamError extends Error {
  override readonly name = 'PamError';
  readonly code: PamStatusName;
  /** PAM's own number. */
  readonly status: number;
  /** The function, such as 'pam_authenticate'. */
  readonly call: string;

  constructor(call: string, status: number, reason: string) {
    const code = pamStatusName(status);
    super(`${call}: ${reason} (${code})`);
    this.code = code;
    this.status = status;
    this.call = call;
  }
}
