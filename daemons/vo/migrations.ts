import { type Kysely, sql } from 'kysely';
import { type Migration, type MigrationProvider, Migrator } from 'kysely/migration';

/** Every change of the schema, in order of name; a migration that was released is never edited. */
const migrations: Readonly<Record<string, Migration>> = {
  '001-registry': { up: createRegistry },
};

/** Brings the database to the newest schema, or throws and leaves it as it was. */
export async function migrate<Schema>(db: Kysely<Schema>): Promise<void> {
  const provider: MigrationProvider = { getMigrations: async () => ({ ...migrations }) };
  const { error } = await new Migrator({ db, provider }).migrateToLatest();
  if (error !== undefined) throw error;
}

async function createRegistry(db: Kysely<unknown>): Promise<void> {
  await createTrust(db);
  await createMembership(db);
  await createIssuance(db);
  await createAudit(db);
}

async function createTrust(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('trust_domain')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('root_offline', 'integer', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('vo')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('description', 'text', (column) => column.notNull())
    .addColumn('domain', 'text', (column) => column.notNull().references('trust_domain.name'))
    .addColumn('ssh_ca', 'text', (column) => column.notNull())
    .addColumn('membership_version', 'bigint', (column) => column.notNull())
    .addColumn('crl_version', 'bigint', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('destroyed_at', 'bigint')
    .execute();
  await db.schema
    .createTable('authority')
    .addColumn('fingerprint', 'text', (column) => column.primaryKey())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('domain', 'text', (column) => column.notNull().references('trust_domain.name'))
    .addColumn('vo', 'text', (column) => column.references('vo.id'))
    .addColumn('certificate', 'text', (column) => column.notNull())
    .addColumn('serial', 'text', (column) => column.notNull())
    .addColumn('not_after', 'bigint', (column) => column.notNull())
    .addColumn('crl', 'text', (column) => column.notNull())
    .addColumn('crl_number', 'bigint', (column) => column.notNull())
    .addColumn('crl_this_update', 'bigint', (column) => column.notNull())
    .addColumn('crl_next_update', 'bigint', (column) => column.notNull())
    .addColumn('revoked_at', 'bigint')
    .execute();
  await db.schema.createIndex('authority_vo').on('authority').columns(['vo', 'kind']).execute();
}

async function createMembership(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('member')
    .addColumn('vo', 'text', (column) => column.notNull().references('vo.id'))
    .addColumn('user', 'text', (column) => column.notNull())
    .addColumn('guid', 'text', (column) => column.notNull().unique())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('full_name', 'text', (column) => column.notNull())
    .addColumn('email', 'text', (column) => column.notNull())
    .addColumn('message', 'text', (column) => column.notNull())
    .addColumn('expires_at', 'bigint')
    .addColumn('password', 'text')
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('member_key', ['vo', 'user'])
    .execute();
  await db.schema.createIndex('member_expiry').on('member').columns(['status', 'expires_at']).execute();
  await db.schema
    .createTable('vo_group')
    .addColumn('vo', 'text', (column) => column.notNull().references('vo.id'))
    .addColumn('path', 'text', (column) => column.notNull())
    .addColumn('description', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('vo_group_key', ['vo', 'path'])
    .execute();
  await db.schema
    .createTable('group_member')
    .addColumn('vo', 'text', (column) => column.notNull())
    .addColumn('path', 'text', (column) => column.notNull())
    .addColumn('user', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('group_member_key', ['vo', 'user', 'path'])
    .addForeignKeyConstraint('group_member_group', ['vo', 'path'], 'vo_group', ['vo', 'path'])
    .addForeignKeyConstraint('group_member_member', ['vo', 'user'], 'member', ['vo', 'user'])
    .execute();
  await db.schema.createIndex('group_member_path').on('group_member').columns(['vo', 'path']).execute();
  await db.schema
    .createTable('role_holder')
    .addColumn('vo', 'text', (column) => column.notNull())
    .addColumn('path', 'text', (column) => column.notNull())
    .addColumn('role', 'text', (column) => column.notNull())
    .addColumn('user', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('role_holder_key', ['vo', 'user', 'path', 'role'])
    .addForeignKeyConstraint('role_holder_member', ['vo', 'user'], 'member', ['vo', 'user'])
    .execute();
}

async function createIssuance(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('one_time_token')
    .addColumn('hash', 'text', (column) => column.primaryKey())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('vo', 'text', (column) => column.notNull().references('vo.id'))
    .addColumn('user', 'text')
    .addColumn('hostname', 'text')
    .addColumn('roles', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('used_at', 'bigint')
    .execute();
  await db.schema.createIndex('one_time_token_expiry').on('one_time_token').column('expires_at').execute();
  await db.schema
    .createTable('node')
    .addColumn('vo', 'text', (column) => column.notNull().references('vo.id'))
    .addColumn('hostname', 'text', (column) => column.notNull())
    .addColumn('guid', 'text', (column) => column.notNull().unique())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('roles', 'text', (column) => column.notNull())
    .addColumn('joined_at', 'bigint', (column) => column.notNull())
    .addColumn('last_seen_at', 'bigint')
    .addPrimaryKeyConstraint('node_key', ['vo', 'hostname'])
    .execute();
  await db.schema
    .createTable('certificate')
    .addColumn('vo', 'text', (column) => column.notNull().references('vo.id'))
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('serial', 'text', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('not_before', 'bigint', (column) => column.notNull())
    .addColumn('not_after', 'bigint', (column) => column.notNull())
    .addColumn('revoked_at', 'bigint')
    .addColumn('revocation_reason', 'text')
    .addPrimaryKeyConstraint('certificate_key', ['serial', 'vo'])
    .execute();
  await db.schema
    .createIndex('certificate_subject')
    .on('certificate')
    .columns(['vo', 'subject', 'not_after'])
    .execute();
  // Few certificates are ever revoked: a partial index keeps CRLs cheap and issuing free of its cost.
  await db.schema
    .createIndex('certificate_revoked')
    .on('certificate')
    .columns(['vo', 'not_after'])
    .where(sql.ref('revoked_at'), 'is not', null)
    .execute();
}

async function createAudit(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('audit')
    .addColumn('sequence', 'bigint', (column) => column.primaryKey())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('vo', 'text')
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('details', 'text', (column) => column.notNull())
    .addColumn('previous_hash', 'text', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('audit_vo').on('audit').columns(['vo', 'sequence']).execute();
  // Triggers are the one place where the dialects differ; PostgreSQL's form goes beside this one.
  for (const verb of ['update', 'delete']) {
    await sql`create trigger ${sql.raw(`audit_no_${verb}`)} before ${sql.raw(verb)} on audit
      begin select raise(abort, 'the audit log is append-only'); end`.execute(db);
  }
}
