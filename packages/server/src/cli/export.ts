import { InvalidArgumentError, type Command } from "commander";
import { exportMonth } from "../flows/export.ts";
import type { CommandRunner } from "./command-runner.ts";

export function addExportCommand(program: Command, run: CommandRunner): void {
  program
    .command("export")
    .description("write a month's ended sessions to standard output, one line of JSON each")
    .argument("<month>", "as in 2026-11", month)
    .action((wanted: string) =>
      run(async ({ sessions, db, partitions }, output) => {
        await sessions.check();
        const kept = (await partitions.list()).flatMap(({ of, month }) => (of === "session_archive" ? [month] : []));
        if (!kept.includes(wanted)) {
          const which = kept.length === 0 ? "there is none" : `there are ${kept[0]} to ${kept.at(-1)}`;
          output.note(`There is no month ${wanted}: ${which}.`);
          return { lines: [], json: { month: wanted, sessions: null }, failed: true };
        }
        let count = 0;
        for await (const line of exportMonth(db, wanted)) {
          await output.write(line);
          count += 1;
          if (count % 1_000 === 0) output.progress(`${count} sessions`);
        }
        output.note(`${count} sessions of ${wanted}.`);
        return null;
      }),
    );
}

function month(text: string): string {
  if (!/^\d{4}-(0[1-9]|1[0-2])$/.test(text)) throw new InvalidArgumentError("A month is written as 2026-11.");
  return text;
}
