import type { Command } from "commander";
import { missingMigrations } from "../postgres/migrations.ts";
import { migrationsOf } from "../flows/rows/migrations.ts";
import { signInMigrations as signInMigrationsOf } from "../sign-in/rows/migrations.ts";
import type { CommandRunner } from "./command-runner.ts";

export function addMigrateCommand(program: Command, run: CommandRunner): void {
  program
    .command("migrate")
    .description("create the tables, or bring them up to date")
    .option("--sign-ins", "create those of sign-ins too; once they are there, every run brings them up to date")
    .option("--dry-run", "say what would be done, and do nothing")
    .action(({ signIns: wanted = false, dryRun = false }: { signIns?: boolean; dryRun?: boolean }) =>
      run(async ({ sessions, signIns, hasSignIns, db, schema }) => {
        const withSignIns = wanted || (await hasSignIns());
        const migrations = [
          ...(await missingMigrations(db, schema, migrationsOf(schema))),
          ...(withSignIns ? await missingMigrations(db, schema, signInMigrationsOf(schema)) : []),
        ];
        if (!dryRun) {
          await sessions.migrate();
          if (withSignIns) await signIns.migrate();
        }
        const lines = migrations.map((name) => `${dryRun ? "Would run" : "Ran"} ${name}`);
        if (!dryRun || migrations.length === 0) lines.push("The database is up to date.");
        return { lines, json: { dryRun, migrations } };
      }),
    );
}
