import type { Command } from "commander";
import { sql } from "kysely";
import type { RowCount } from "../postgres/partitions.ts";
import { time } from "../postgres/values.ts";
import type { Connection } from "./connection.ts";
import type { CommandRunner } from "./command-runner.ts";

export function addStatus(program: Command, run: CommandRunner): void {
  program
    .command("status")
    .description("say whether the database fits this version, and what it holds")
    .action(() =>
      run(async (connection) => {
        const { sessions, partitions, schema } = connection;
        await sessions.check();
        const { active, due } = await countActive(connection, Date.now());
        const tables = await partitions.list();
        const total = async (of: string): Promise<RowCount> => {
          let sum: RowCount = { rows: 0, exact: true };
          for (const table of tables.filter((one) => one.of === of)) {
            const { rows, exact } = await partitions.count(table);
            sum = { rows: sum.rows + rows, exact: sum.exact && exact };
          }
          return sum;
        };
        const ended = await total("session_archive");
        const history = await total("session_event");
        const months = tables.map(({ month }) => month).toSorted();
        const [first = null, last = null] = [months.at(0), months.at(-1)];
        return {
          lines: [
            `Active sessions     ${active}, of which ${due} are due to be swept`,
            `Ended sessions      ${formatCount(ended)}`,
            `History entries     ${formatCount(history)}`,
            `Partitions          ${first === null ? "none" : `${first} to ${last}`}`,
          ],
          json: { schema, active, due, ended, history, partitions: { first, last } },
        };
      }),
    );
}

/** How many sessions are active, and how many of them are past their deadline. */
export async function countActive(
  { db, schema }: Connection,
  nowMs: number,
): Promise<{ readonly active: number; readonly due: number }> {
  const now = time(new Date(nowMs).toISOString());
  const { rows } = await sql<{ active: string; due: string }>`
    select count(*)::text as active, (count(*) filter (where expires_at <= ${now}))::text as due
    from ${sql.table(`${schema}.session`)}`.execute(db);
  return { active: Number(rows[0]?.active), due: Number(rows[0]?.due) };
}

/** A count as text. For a table that is too large to count quickly, it is Postgres' own estimate. */
export function formatCount({ rows, exact }: RowCount): string {
  return exact ? String(rows) : `about ${rows}`;
}
