import { InvalidArgumentError, Option, type Command } from "commander";
import { exportMonth } from "../../flows/export.ts";
import { exportOwner } from "../../flows/owner-export.ts";
import type { Tables } from "../../flows/rows/tables.ts";
import { funnelViews, type FunnelView } from "../../funnels/rows/views.ts";
import { createKysely } from "../../postgres/database.ts";
import type { CommandRunner } from "../command-runner.ts";
import { exportFunnels, type ExportFormat } from "./funnel-export.ts";

interface ExportOptions {
  readonly owner?: string;
  readonly funnels?: FunnelView;
  readonly format: ExportFormat;
}

export function addExportCommand(program: Command, run: CommandRunner): void {
  program
    .command("export")
    .description("write a month's ended sessions, all that is kept of an owner, or funnels, one line of JSON each")
    .argument("[month]", "as in 2026-11", month)
    .option("--owner <id>", "the owner")
    .addOption(new Option("--funnels <view>", "a view of funnels").choices(Object.keys(funnelViews)))
    .addOption(new Option("--format <name>", "for funnels").choices(["ndjson", "parquet"]).default("ndjson"))
    .action((wanted: string | undefined, { owner, funnels, format }: ExportOptions, command: Command) => {
      if ([wanted, owner, funnels].filter((one) => one !== undefined).length !== 1) {
        return command.error("error: give either a month, --owner or --funnels");
      }
      if (funnels !== undefined) {
        return run((connection, output) => exportFunnels(connection, output, funnels, format));
      }
      if (format !== "ndjson") return command.error("error: --format parquet is for --funnels");
      return run(async ({ sessions, db, cipherOf, partitions, schema, pool, hasSignInsOnly }, output) => {
        if (!(await hasSignInsOnly())) await sessions.check();
        if (wanted === undefined) {
          let records = 0;
          for await (const record of exportOwner({ db: createKysely<Tables>(pool), schema, cipherOf }, owner!)) {
            await output.write(`${JSON.stringify(record)}\n`);
            records += 1;
            if (records % 1_000 === 0) output.progress(`${records} records`);
          }
          output.note(`${records} records.`);
          return null;
        }
        const kept = (await partitions.list()).flatMap(({ of, month }) => (of === "session_archive" ? [month] : []));
        if (!kept.includes(wanted)) {
          const which = kept.length === 0 ? "there is none" : `there are ${kept[0]} to ${kept.at(-1)}`;
          output.note(`There is no month ${wanted}: ${which}.`);
          return { lines: [], json: { month: wanted, sessions: null }, failed: true };
        }
        let count = 0;
        for await (const line of exportMonth(db, wanted, cipherOf)) {
          await output.write(line);
          count += 1;
          if (count % 1_000 === 0) output.progress(`${count} sessions`);
        }
        output.note(`${count} sessions of ${wanted}.`);
        return null;
      });
    });
}

function month(text: string): string {
  if (!/^\d{4}-(0[1-9]|1[0-2])$/.test(text)) throw new InvalidArgumentError("A month is written as 2026-11.");
  return text;
}
