import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { exitCodes } from "./terminal/exit-code.ts";
import { addActivityCommand } from "./activity.ts";
import { addEraseCommand } from "./erase.ts";
import { addExportCommand } from "./export/export.ts";
import { addKeysCommand } from "./keys.ts";
import { addMigrateCommand } from "./migrate.ts";
import { addSignInsCommand } from "./sign-ins.ts";
import { addPartitionsCommand } from "./partitions.ts";
import { addProjectionsCommand } from "./projections.ts";
import { createCommandRunner } from "./command-runner.ts";
import { addStatusCommand } from "./status.ts";
import { addSweepCommand } from "./sweep.ts";
import type { Terminal } from "./terminal/terminal.ts";
import { addVerifyCommand } from "./verify.ts";

/** The package's version. Its `package.json` stands beside both `src` and `dist`. */
const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

/** Runs the command that these words name. Returns its exit code. */
export async function runCli(words: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode = 0;
  const program = new Command("sessions")
    .description("Looks after the tables of @sessions/server.")
    .version(version, "--version", "say which version this is")
    .option("--database-url <url>", "the Postgres to work on (default: DATABASE_URL, which no list of processes shows)")
    .option("--schema <name>", "the schema that holds the tables", "sessions")
    .option("--keys-file <path>", "the keys of the sessions, one a line (default: SESSIONS_KEYS)")
    .option("--json", "say it as one JSON value")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void terminal.write(text),
      // A URL in the wrong place is not printed: it holds a password.
      writeErr: (text) => terminal.writeError(text.replaceAll(/:\/\/[^\s']*/g, "://…")),
    })
    .exitOverride()
    .addHelpText(
      "after",
      "\nIt ends with 0 when all is well, 1 when it fails or finds something wrong, 2 when misused.",
    );
  const run = createCommandRunner(program, terminal, (code) => (exitCode = code));
  addMigrateCommand(program, run);
  addStatusCommand(program, run);
  addSweepCommand(program, run);
  addPartitionsCommand(program, run);
  addExportCommand(program, run);
  addEraseCommand(program, run);
  addVerifyCommand(program, run);
  addKeysCommand(program, run, terminal);
  addSignInsCommand(program, run);
  addProjectionsCommand(program, run);
  addActivityCommand(program, run);
  try {
    await program.parseAsync(words, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    exitCode = error.exitCode === 0 ? 0 : exitCodes.misused;
  }
  return exitCode;
}
