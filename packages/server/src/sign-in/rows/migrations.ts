import { sql, type Kysely } from "kysely";
import { defineMigrations } from "../../postgres/migrations.ts";
import { createOwnerTables, ownerTableKeys, type NamedInSchema } from "../../postgres/tables.ts";

/** The migrations of the sign-ins' tables. */
export const signInMigrations = defineMigrations({
  table: "sign_in_migration",
  runBy: "signIns.migrate()",
  distributed: {
    ...ownerTableKeys,
    sign_in: "owner_id",
    sign_in_archive: "owner_id",
    sign_in_event: "owner_id",
    visit_data: "owner_id",
    visit_data_conflict: "owner_id",
    hand_off_request: "id",
    hand_off_offer: "owner_id",
    hand_off_try: "id",
  },
  steps: { "0001_sign_ins": [createOwnerTables, createSignInTables, createDataTables, createHandOffTables] },
});

async function createSignInTables(db: Kysely<unknown>, named: NamedInSchema): Promise<void> {
  // The columns that live and archived sign-ins share.
  const signInColumns = sql`
      owner_id text collate "C" not null,
      id uuid not null,
      device text not null,
      place text,
      factors json not null,
      guest_session uuid,
      since timestamptz not null,
      proved_at timestamptz not null,
      last_used_at timestamptz not null,
      rotation bytea not null,
      entry integer not null,
      hash bytea not null`;
  // Touches and rotations stay heap-only: no index is on a column that they change, and each page has free space.
  await sql`
    create table ${named("sign_in")} (
      ${signInColumns},
      ends_at timestamptz not null,
      csrf bytea not null,
      binding bytea,
      revision integer not null,
      epoch integer not null,
      sweep_bucket timestamptz not null,
      primary key (owner_id, id)
    ) with (fillfactor = 40)`.execute(db);
  await sql`create index sign_in_sweep_bucket on ${named("sign_in")} (sweep_bucket)`.execute(db);

  await sql`
    create table ${named("sign_in_archive")} (
      ${signInColumns},
      ended_at timestamptz not null,
      ending text not null,
      primary key (owner_id, id, ended_at)
    ) partition by range (ended_at)`.execute(db);
  // The dashboard counts the ends of a day, of all owners.
  await sql`create index sign_in_archive_ended_at on ${named("sign_in_archive")} (ended_at, ending)`.execute(db);

  await sql`
    create table ${named("sign_in_event")} (
      owner_id text collate "C" not null,
      sign_in_id uuid not null,
      entry integer not null,
      at timestamptz not null,
      invalidates boolean not null,
      body json not null,
      hash bytea not null,
      xid xid8 not null default pg_current_xact_id(),
      primary key (owner_id, sign_in_id, entry, at)
    ) partition by range (at)`.execute(db);
  // Projections find new entries by the transaction that wrote them.
  await sql`create index sign_in_event_xid on ${named("sign_in_event")} (xid)`.execute(db);
  await sql`
    create index sign_in_event_newest on ${named("sign_in_event")} (owner_id, at, sign_in_id, entry)`.execute(db);
  // Nodes look here for changes that make their caches wrong.
  await sql`
    create index sign_in_event_invalidating on ${named("sign_in_event")} (at) where invalidates`.execute(db);
  // The dashboard counts the sign-ins that began in a day, and lists the signals, of all owners.
  await sql`create index sign_in_event_begun_at on ${named("sign_in_event")} (at) where entry = 1`.execute(db);
  await sql`
    create index sign_in_event_signal on ${named("sign_in_event")} (at, sign_in_id)
    where body ->> 'kind' in ('signal', 'secret_reused', 'code_reused')`.execute(db);
}

async function createDataTables(db: Kysely<unknown>, named: NamedInSchema): Promise<void> {
  // A visitor's value changes `expires_at` about once a month, so that other changes stay heap-only.
  await sql`
    create table ${named("visit_data")} (
      owner_id text collate "C" not null,
      sign_in_id uuid not null,
      key text collate "C" not null,
      version integer not null,
      value json,
      change_id uuid not null,
      changed_at timestamptz not null,
      expires_at timestamptz,
      primary key (owner_id, sign_in_id, key)
    ) with (fillfactor = 70)`.execute(db);
  await sql`
    create index visit_data_expires_at on ${named("visit_data")} (expires_at) where expires_at is not null`.execute(db);
  await sql`
    create table ${named("visit_data_conflict")} (
      owner_id text collate "C" not null,
      sign_in_id uuid not null,
      key text collate "C" not null,
      visitor_id text collate "C" not null,
      value json not null,
      adopted_at timestamptz not null,
      primary key (owner_id, sign_in_id, key, visitor_id)
    )`.execute(db);
}

async function createHandOffTables(db: Kysely<unknown>, named: NamedInSchema): Promise<void> {
  // It has no owner before it is approved: its own id is what a distributed Postgres spreads it by.
  await sql`
    create table ${named("hand_off_request")} (
      id text collate "C" primary key,
      public_key text not null,
      challenge text not null,
      number integer not null,
      choices text not null,
      device text not null,
      place text,
      address_hash text,
      asked_at timestamptz not null,
      expires_at timestamptz not null,
      over boolean not null,
      owner_id text,
      approved_by uuid,
      session_id uuid,
      flow text,
      step text,
      guest_id uuid
    )`.execute(db);
  await sql`create index hand_off_request_expires_at on ${named("hand_off_request")} (expires_at)`.execute(db);
  await sql`
    create index hand_off_request_address on ${named("hand_off_request")} (address_hash, expires_at)`.execute(db);

  await sql`
    create table ${named("hand_off_offer")} (
      owner_id text collate "C" not null,
      letters_hash text not null,
      session_id uuid not null,
      flow text not null,
      step text,
      tries integer not null,
      expires_at timestamptz not null,
      primary key (owner_id, letters_hash)
    )`.execute(db);
  await sql`create index hand_off_offer_expires_at on ${named("hand_off_offer")} (expires_at)`.execute(db);

  // Its counts are of owners and of addresses, so it is spread by their hashes.
  await sql`
    create table ${named("hand_off_try")} (
      id text collate "C" primary key,
      tries integer not null,
      expires_at timestamptz not null
    ) with (fillfactor = 70)`.execute(db);
  await sql`create index hand_off_try_expires_at on ${named("hand_off_try")} (expires_at)`.execute(db);
}
