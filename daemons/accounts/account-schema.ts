/**
 * Tables of accounts.db, one entry per schema version; `user_version` counts the entries applied. Times are
 * milliseconds since the epoch.
 *
 * A member is who the VO's list names; an assignment is the local account the name resolves to; a lease says that the
 * account is in use. What ended leaves a tombstone, with the person's GUID: the same person gets the same uid back, a
 * stranger gets neither name nor uid while it stands.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE vo (
    vo TEXT PRIMARY KEY,
    alias TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    list_expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE revoked_ssh_certificate (
    vo TEXT NOT NULL,
    serial TEXT NOT NULL,
    PRIMARY KEY (vo, serial)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE member (
    vo TEXT NOT NULL,
    user TEXT NOT NULL,
    guid TEXT NOT NULL,
    fqans TEXT NOT NULL,
    not_after INTEGER,
    refusal TEXT,
    PRIMARY KEY (vo, user)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE assignment (
    vo TEXT NOT NULL,
    user TEXT NOT NULL,
    guid TEXT NOT NULL,
    login TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('dynamic', 'static', 'pool')),
    local_name TEXT NOT NULL,
    uid INTEGER NOT NULL,
    gid INTEGER NOT NULL,
    home TEXT,
    shell TEXT,
    PRIMARY KEY (vo, user)
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX assignment_uid ON assignment (uid);

  CREATE TABLE vo_group (
    vo TEXT NOT NULL,
    path TEXT NOT NULL,
    gid INTEGER NOT NULL UNIQUE,
    PRIMARY KEY (vo, path)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE lease (
    lease_id TEXT PRIMARY KEY,
    vo TEXT NOT NULL,
    user TEXT NOT NULL,
    login TEXT NOT NULL,
    kind TEXT NOT NULL,
    uid INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('leased', 'ending')),
    reason TEXT,
    leased_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX lease_member ON lease (vo, user);
  CREATE UNIQUE INDEX lease_uid ON lease (uid);
  CREATE INDEX lease_expiry ON lease (expires_at);

  CREATE TABLE tombstone (
    kind TEXT NOT NULL CHECK (kind IN ('name', 'uid', 'gid')),
    value TEXT NOT NULL,
    vo TEXT NOT NULL,
    owner TEXT NOT NULL,
    guid TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (kind, value)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX tombstone_owner ON tombstone (vo, owner, kind);
  CREATE INDEX tombstone_until ON tombstone (until);

  CREATE TABLE session (
    session_id TEXT PRIMARY KEY,
    vo TEXT NOT NULL,
    user TEXT NOT NULL,
    login TEXT NOT NULL,
    uid INTEGER NOT NULL,
    service TEXT NOT NULL,
    tty TEXT NOT NULL,
    remote_host TEXT NOT NULL,
    leader_pid INTEGER NOT NULL,
    leader_start TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    credential_expires_at INTEGER,
    key_serial INTEGER,
    chain TEXT,
    ssh_serial TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX session_account ON session (vo, user, opened_at);
  CREATE INDEX session_uid ON session (uid, opened_at);
  `,
];
