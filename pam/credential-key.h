/* The session credential in the kernel's keyring (DESIGN: the key xos:credential). */
#ifndef XOS_CREDENTIAL_KEY_H
#define XOS_CREDENTIAL_KEY_H

#include "../packages/module-protocol/generated/xos_module_protocol.h"

#include <sys/types.h>

/*
 * Adds the credential to the session keyring of this thread: owned by root, readable but not changeable by
 * who possesses it, gone after timeout_seconds. The session keyring is kept when it is the user's own and
 * holds no credential yet (pam_keyinit made it), else a new one is joined and given to uid. Call as root.
 *
 * Returns 0 and *serial, or an errno value: EDQUOT, ENOMEM; ENOSYS or EPERM where the kernel or a sandbox
 * offers no keyrings.
 */
int xos_add_credential_key(struct xos_bytes credential, uint32_t timeout_seconds, uid_t uid, int32_t *serial);

/* Revokes the key and takes it out of this thread's session keyring. Returns 0 or an errno value; a key
 * already gone is fine. */
int xos_revoke_credential_key(int32_t serial);

#endif
