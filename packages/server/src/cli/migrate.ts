import type { Command } from "commander";
import { sql } from "kysely";
import { activityMigrations } from "../activity/rows/migrations.ts";
import { dashboardMigrations } from "../dashboard/rows/migrations.ts";
import { webSessionMigrations } from "../express-session/rows/migrations.ts";
import { funnelMigrations } from "../funnels/rows/migrations.ts";
import { listUndistributed } from "../postgres/citus/distribution.ts";
import { migrate, missingMigrations, type Migrations } from "../postgres/migrations.ts";
import { projectionMigrations } from "../projections/rows/migrations.ts";
import { sessionMigrations } from "../flows/rows/migrations.ts";
import { signInMigrations } from "../sign-in/rows/migrations.ts";
import type { CommandRunner } from "./command-runner.ts";

interface MigrateOptions {
  readonly signIns?: boolean;
  readonly expressSession?: boolean;
  readonly projections?: boolean;
  readonly activity?: boolean;
  readonly funnels?: boolean;
  readonly dashboard?: boolean;
  readonly dryRun?: boolean;
}

export function addMigrateCommand(program: Command, run: CommandRunner): void {
  program
    .command("migrate")
    .description("create the tables, or bring them up to date")
    .option("--sign-ins", "create those of sign-ins too; once they are there, every run brings them up to date")
    .option("--express-session", "create those of the store for express-session too; later runs as with --sign-ins")
    .option("--projections", "create those of projections too; later runs as with --sign-ins")
    .option("--activity", "create those of activities and projections too; later runs as with --sign-ins")
    .option("--funnels", "create those of funnels and projections too; later runs as with --sign-ins")
    .option("--dashboard", "create that of the dashboard too; later runs as with --sign-ins")
    .option("--dry-run", "say what would be done, and do nothing")
    .action(({ dryRun = false, ...wanted }: MigrateOptions) =>
      run(async ({ sessions, signIns, hasSignIns, db, schema, kind }, output) => {
        const withSignIns = wanted.signIns || (await hasSignIns());
        const { rows: tables } = await sql<{ name: string }>`
          select table_name as name from information_schema.tables where table_schema = ${schema}`.execute(db);
        const isThere = ({ table }: Migrations) => tables.some(({ name }) => name === table);
        const others = wantedMigrations(schema, wanted).flatMap(([migrations, isWanted]) =>
          isWanted || isThere(migrations) ? [migrations] : [],
        );
        const own = [sessionMigrations(schema), ...(withSignIns ? [signInMigrations(schema)] : [])];
        const migrations: string[] = [];
        for (const each of [...own, ...others]) migrations.push(...(await missingMigrations(db, schema, each)));
        const distributed: string[] = [];
        if (dryRun && kind === "citus") {
          const tables = own.flatMap((each) => Object.keys(each.distributed ?? {}));
          distributed.push(...(await listUndistributed(db, schema, [...new Set(tables)])));
        } else if (!dryRun) {
          const onDistributed = (table: string) => {
            distributed.push(table);
            output.progress(`${distributed.length} distributed`);
          };
          for (const each of own) await migrate(db, schema, each, { kind, onDistributed });
          // These make the coming months too.
          await sessions.migrate();
          if (withSignIns) await signIns.migrate();
          for (const other of others) await migrate(db, schema, other);
        }
        const lines = migrations.map((name) => `${dryRun ? "Would run" : "Ran"} ${name}`);
        lines.push(...distributed.map((table) => `${dryRun ? "Would distribute" : "Distributed"} ${table}`));
        if (!dryRun || lines.length === 0) lines.push("The database is up to date.");
        return { lines, json: { dryRun, migrations, ...(kind === "citus" && { distributed }) } };
      }),
    );
}

/** The parts of the server beside sessions and sign-ins, and whether their tables are to be made. */
function wantedMigrations(
  schema: string,
  { expressSession = false, projections = false, activity = false, funnels = false, dashboard = false }: MigrateOptions,
): readonly (readonly [Migrations, boolean])[] {
  return [
    [webSessionMigrations(schema), expressSession],
    [projectionMigrations(schema), projections || activity || funnels],
    [activityMigrations(schema), activity],
    [funnelMigrations(schema), funnels],
    [dashboardMigrations(schema), dashboard],
  ];
}
