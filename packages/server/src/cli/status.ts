import type { Command } from "commander";
import { sql } from "kysely";
import { countRows, type Partition, type Partitions, type RowCount } from "../postgres/partitions.ts";
import { timeOf } from "../postgres/values.ts";
import type { Connection } from "./connection.ts";
import type { CommandRunner } from "./command-runner.ts";

export function addStatusCommand(program: Command, run: CommandRunner): void {
  program
    .command("status")
    .description("say whether the database fits this version, and what it holds")
    .action(() =>
      run(async (connection) => {
        const { sessions, signIns, partitions, schema } = connection;
        if (await connection.hasSignInsOnly()) {
          await signIns.checkMigrated();
          const counts = await countSignIns(connection);
          return { lines: signInLines(counts), json: { schema, signIns: counts } };
        }
        await sessions.check();
        const withSignIns = await connection.hasSignIns();
        if (withSignIns) await signIns.checkMigrated();
        const { active, due } = await countActive(connection, Date.now());
        const tables = await partitions.list();
        const ended = await totalRows(partitions, tables, "session_archive");
        const history = await totalRows(partitions, tables, "session_event");
        const months = tables.map(({ month }) => month).toSorted();
        const [first = null, last = null] = [months.at(0), months.at(-1)];
        const counts = withSignIns ? await countSignIns(connection) : null;
        return {
          lines: [
            `Active sessions     ${active}, of which ${due} are due to be swept`,
            `Ended sessions      ${formatCount(ended)}`,
            `History entries     ${formatCount(history)}`,
            `Partitions          ${first === null ? "none" : `${first} to ${last}`}`,
            ...(counts === null ? [] : signInLines(counts)),
          ],
          json: { schema, active, due, ended, history, partitions: { first, last }, signIns: counts },
        };
      }),
    );
}

/** How many rows the months of a table have. */
export async function totalRows(partitions: Partitions, tables: readonly Partition[], of: string): Promise<RowCount> {
  let sum: RowCount = { rows: 0, exact: true };
  for (const table of tables.filter((one) => one.of === of)) {
    const { rows, exact } = await partitions.count(table);
    sum = { rows: sum.rows + rows, exact: sum.exact && exact };
  }
  return sum;
}

/** The rows of sign-ins. Those that are past their deadline count until they are swept. */
async function countSignIns({ db, schema, kind, signInPartitions }: Connection) {
  const tables = await signInPartitions.list();
  return {
    rows: await countRows(db, schema, "sign_in", kind),
    ended: await totalRows(signInPartitions, tables, "sign_in_archive"),
    history: await totalRows(signInPartitions, tables, "sign_in_event"),
  };
}

function signInLines({ rows, ended, history }: Awaited<ReturnType<typeof countSignIns>>): readonly string[] {
  return [
    `Sign-ins            ${formatCount(rows)}`,
    `Ended sign-ins      ${formatCount(ended)}`,
    `Sign-in history     ${formatCount(history)}`,
  ];
}

/** How many sessions are active, and how many of them are past their deadline. */
export async function countActive(
  { db, schema }: Connection,
  nowMs: number,
): Promise<{ readonly active: number; readonly due: number }> {
  const now = timeOf(nowMs);
  const { rows } = await sql<{ active: string; due: string }>`
    select count(*)::text as active, (count(*) filter (where expires_at <= ${now}))::text as due
    from ${sql.table(`${schema}.session`)}`.execute(db);
  return { active: Number(rows[0]?.active), due: Number(rows[0]?.due) };
}

/** A count as text. For a table that is too large to count quickly, it is Postgres' own estimate. */
export function formatCount({ rows, exact }: RowCount): string {
  return exact ? String(rows) : `about ${rows}`;
}
