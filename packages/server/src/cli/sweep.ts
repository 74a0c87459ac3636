import type { Command } from "commander";
import { sql } from "kysely";
import { timeOf } from "../postgres/values.ts";
import type { CommandRunner } from "./command-runner.ts";
import type { Connection } from "./connection.ts";
import { countActive } from "./status.ts";

export function addSweepCommand(program: Command, run: CommandRunner): void {
  program
    .command("sweep")
    .description("end the sessions and sign-ins whose deadline has passed")
    .option("--dry-run", "say how many there are, and end none")
    .action(({ dryRun = false }: { dryRun?: boolean }) =>
      run(async (connection, output) => {
        const withSignIns = await connection.hasSignIns();
        const withSessions = !(await connection.hasSignInsOnly());
        if (dryRun) {
          const { due } = withSessions ? await countActive(connection, Date.now()) : { due: 0 };
          const signIns = withSignIns ? await countDueSignIns(connection, Date.now()) : undefined;
          return {
            lines: [`Would end ${formatEnded(due, signIns)}.`],
            json: { dryRun, due, ...(withSignIns && { signIns }) },
          };
        }
        const onProgress = (count: number) => output.progress(`${count} ended`);
        const ended = withSessions ? await connection.sessions.sweep({ onProgress }) : 0;
        const signIns = withSignIns ? await connection.signIns.sweep({ onProgress }) : undefined;
        return {
          lines: [`Ended ${formatEnded(ended, signIns)}.`],
          json: { dryRun, ended, ...(withSignIns && { signIns }) },
        };
      }),
    );
}

/** The index on `sweep_bucket` finds them: its hour is never later than that of the deadline. */
async function countDueSignIns({ db, schema }: Connection, nowMs: number): Promise<number> {
  const now = timeOf(nowMs);
  const { rows } = await sql<{ due: string }>`
    select count(*)::text as due from ${sql.table(`${schema}.sign_in`)}
    where sweep_bucket <= ${now} and ends_at <= ${now}`.execute(db);
  return Number(rows[0]?.due);
}

function formatEnded(sessions: number, signIns: number | undefined): string {
  const ofSessions = `${sessions} session${sessions === 1 ? "" : "s"}`;
  return signIns === undefined ? ofSessions : `${ofSessions} and ${formatSignIns(signIns)}`;
}

export const formatSignIns = (count: number) => `${count} sign-in${count === 1 ? "" : "s"}`;
