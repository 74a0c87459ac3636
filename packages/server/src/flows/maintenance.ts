import { sql, type Kysely } from "kysely";
import type { DatabaseKind } from "../postgres/database.ts";
import { translateErrors } from "../postgres/errors.ts";
import { checkMigrated, migrate } from "../postgres/migrations.ts";
import type { Partitions } from "../postgres/partitions.ts";
import type { SweepOptions } from "../repeated-sweeps.ts";
import type { OwnerCiphers } from "../secrets/owner-ciphers.ts";
import { sessionMigrations } from "./rows/migrations.ts";
import type { Tables } from "./rows/tables.ts";
import type { SessionSweeper } from "./sweeper.ts";

/** How many months of partitions `migrate` makes ahead. */
const MONTHS_AHEAD = 3;

/** The work on the database that belongs to no request. */
export interface Maintenance {
  /** Creates the tables, or brings them up to date. Many nodes may call it at once. */
  migrate(): Promise<void>;
  /**
   * Checks that the database answers and fits this version.
   *
   * @throws {SessionsError} `database_unreachable`, `database_not_migrated`, `database_newer`, or `keys_missing` with the
   *   id of a key.
   */
  check(): Promise<void>;
  /** Ends the sessions whose deadline has passed, and moves them to the archive. Returns their number. Any node may. */
  sweep(options?: SweepOptions): Promise<number>;
}

export interface MaintenanceOptions {
  readonly db: Kysely<Tables>;
  readonly schema: string;
  readonly kind: DatabaseKind;
  readonly partitions: Partitions;
  readonly ciphers: Pick<OwnerCiphers, "check">;
  readonly sweeper: SessionSweeper;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export function createMaintenance(options: MaintenanceOptions): Maintenance {
  const { db, schema, kind, partitions, ciphers, sweeper, now } = options;
  const migrations = sessionMigrations(schema);
  return {
    migrate: () =>
      translateErrors(async () => {
        await migrate(db, schema, migrations, { kind });
        await partitions.ensureAhead(now(), MONTHS_AHEAD);
      }),
    check: () =>
      translateErrors(async () => {
        await sql`select 1`.execute(db);
        await checkMigrated(db, schema, migrations, { kind });
        await ciphers.check();
      }),
    sweep: (sweepOptions) => translateErrors(() => sweeper.sweep(sweepOptions)),
  };
}
