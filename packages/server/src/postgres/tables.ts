import { sql, type Generated, type Kysely, type RawBuilder } from "kysely";
import type { BytesColumn, JsonColumn, TimeColumn } from "./values.ts";

/** A table or view of the schema in SQL, by its name. */
export type NamedInSchema = (name: string) => RawBuilder<unknown>;

/** Tables, with the column by which a distributed Postgres spreads each over its workers. */
export type DistributionKeys = Readonly<Record<string, string>>;

export interface OwnerTable {
  owner_id: string;
  created_at: TimeColumn;
  revocation_epoch: Generated<number>;
  /** The owner who has adopted this visitor. Then nothing is written for the visitor any more. */
  adopted_by: string | null;
  /** How many sessions the owner has begun. Null before the first one, and after an erasure. */
  begun: JsonColumn | null;
  /** Over the count, with the owner's key, if there is one. */
  begun_hash: BytesColumn | null;
}

export interface DeviceTable {
  owner_id: string;
  id: string;
  name: string;
  first_seen_at: TimeColumn;
  last_seen_at: TimeColumn;
}

/** One generation of an owner's keys, wrapped by a key that is not in the database. */
export interface OwnerKeyTable {
  owner_id: string;
  /** 1, 2, …: the newest one seals. */
  generation: number;
  /** The key that wrapped them. */
  key_id: string;
  /** Opens what is sealed of the owner. Null after it was destroyed. */
  data: BytesColumn | null;
  /** Chains the owner's histories, and opens nothing. Only the first generation has one. */
  chain: BytesColumn | null;
  created_at: TimeColumn;
}

/** The tables of the owners, their devices and their keys. Each part of the server adds its own tables to these. */
export interface OwnerTables {
  owner: OwnerTable;
  device: DeviceTable;
  owner_key: OwnerKeyTable;
}

/** How a distributed Postgres spreads the tables of {@link createOwnerTables}: the others are co-located with `owner`. */
export const ownerTableKeys: DistributionKeys = {
  owner: "owner_id",
  device: "owner_id",
  owner_key: "owner_id",
  erased_session: "owner_id",
  erasure: "owner_id",
  erasure_begun: "owner_id",
};

/** Creates the tables of {@link OwnerTables}, as a part of a migration. Each part of the server that knows owners has it. */
export async function createOwnerTables(db: Kysely<unknown>, named: NamedInSchema): Promise<void> {
  await sql`
    create table if not exists ${named("owner")} (
      owner_id text collate "C" primary key,
      created_at timestamptz not null,
      revocation_epoch integer not null default 0,
      adopted_by text collate "C",
      begun json,
      begun_hash bytea
    ) with (fillfactor = 70)`.execute(db);
  await sql`
    create index if not exists owner_adopted_by on ${named("owner")} (adopted_by)
    where adopted_by is not null`.execute(db);
  await sql`
    create table if not exists ${named("device")} (
      owner_id text collate "C" not null,
      id uuid not null,
      name text not null,
      first_seen_at timestamptz not null,
      last_seen_at timestamptz not null,
      primary key (owner_id, id)
    )`.execute(db);
  await sql`
    create table if not exists ${named("owner_key")} (
      owner_id text collate "C" not null,
      generation integer not null,
      key_id text collate "C" not null,
      data bytea,
      chain bytea,
      created_at timestamptz not null,
      primary key (owner_id, generation)
    )`.execute(db);
  await createErasureTables(db, named);
  // A node looks at start for keys that it does not have.
  await sql`create index if not exists owner_key_key on ${named("owner_key")} (key_id)`.execute(db);
}

/** What stays of erased owners. The folder `erasure` has the types. */
async function createErasureTables(db: Kysely<unknown>, named: NamedInSchema): Promise<void> {
  await sql`
    create table if not exists ${named("erased_session")} (
      owner_id text collate "C" not null,
      session_id uuid not null,
      flow text not null,
      status text not null,
      ended_at timestamptz not null,
      primary key (owner_id, session_id)
    )`.execute(db);
  await sql`
    create index if not exists erased_session_completed on ${named("erased_session")} (owner_id, flow, ended_at)
    where status = 'completed'`.execute(db);
  await sql`
    create table if not exists ${named("erasure")} (
      owner_id text collate "C" not null,
      number integer not null,
      at timestamptz not null,
      xid xid8 not null default pg_current_xact_id(),
      primary key (owner_id, number)
    )`.execute(db);
  await sql`create index if not exists erasure_xid on ${named("erasure")} (xid)`.execute(db);
  await sql`
    create table if not exists ${named("erasure_begun")} (
      owner_id text collate "C" primary key,
      at timestamptz not null
    )`.execute(db);
}
