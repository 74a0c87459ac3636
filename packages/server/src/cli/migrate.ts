import type { Command } from "commander";
import { missingMigrations } from "../postgres/migrations.ts";
import { migrationsOf } from "../flows/rows/migrations.ts";
import type { CommandRunner } from "./command-runner.ts";

export function addMigrate(program: Command, run: CommandRunner): void {
  program
    .command("migrate")
    .description("create the tables, or bring them up to date")
    .option("--dry-run", "say what would be done, and do nothing")
    .action(({ dryRun = false }: { dryRun?: boolean }) =>
      run(async ({ sessions, db, schema }) => {
        const migrations = await missingMigrations(db, schema, migrationsOf(schema));
        if (!dryRun) await sessions.migrate();
        const lines = migrations.map((name) => `${dryRun ? "Would run" : "Ran"} ${name}`);
        if (!dryRun || migrations.length === 0) lines.push("The database is up to date.");
        return { lines, json: { dryRun, migrations } };
      }),
    );
}
