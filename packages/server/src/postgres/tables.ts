import { sql, type Generated, type Kysely, type RawBuilder } from "kysely";
import type { TimeColumn } from "./values.ts";

/** A table or view of the schema in SQL, by its name. */
export type NamedInSchema = (name: string) => RawBuilder<unknown>;

export interface OwnerTable {
  owner_id: string;
  created_at: TimeColumn;
  revocation_epoch: Generated<number>;
  /** The owner who has adopted this visitor. Then nothing is written for the visitor any more. */
  adopted_by: string | null;
}

export interface DeviceTable {
  owner_id: string;
  id: string;
  name: string;
  first_seen_at: TimeColumn;
  last_seen_at: TimeColumn;
}

/** The tables of the owners and their devices. Each part of the server adds its own tables to these. */
export interface OwnerTables {
  owner: OwnerTable;
  device: DeviceTable;
}

/** Creates the tables of {@link OwnerTables}, as a part of a migration. Each part of the server that knows owners has it. */
export async function createOwnerTables(db: Kysely<unknown>, named: NamedInSchema): Promise<void> {
  await sql`
    create table if not exists ${named("owner")} (
      owner_id text collate "C" primary key,
      created_at timestamptz not null,
      revocation_epoch integer not null default 0,
      adopted_by text collate "C"
    )`.execute(db);
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
}
