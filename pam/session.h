/* What an open session of ours holds in this PAM handle, and how it is undone. */
#ifndef XOS_SESSION_H
#define XOS_SESSION_H

#include "request.h"

/* Opens the session of user (whose uid is given) at the daemon, adds the key, sets the environment. Leaves
 * nothing on failure. */
int xos_session_open(pam_handle_t *pamh, const struct xos_options *options, struct xos_text user, uid_t uid);

/* Undoes it. PAM_IGNORE when this handle has no session of ours. */
int xos_session_close(pam_handle_t *pamh, const struct xos_options *options);

#endif
