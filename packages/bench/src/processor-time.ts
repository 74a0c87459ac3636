import { readFile } from "node:fs/promises";
import type { Pool } from "pg";

/** Linux counts processor time in hundredths of a second. */
const TICK_US = 10_000;

/** Processor time in microseconds. */
export interface ProcessorTime {
  /** That of the connections of an application. */
  readonly postgresUs: number;
  /** That of this process. */
  readonly nodeUs: number;
}

/** What an application has used so far. On Linux alone. */
export async function processorTime(pool: Pool, application: string): Promise<ProcessorTime> {
  const { rows } = await pool.query<{ pid: number }>("select pid from pg_stat_activity where application_name = $1", [
    application,
  ]);
  const ticks = await Promise.all(rows.map(({ pid }) => ticksOf(pid)));
  const { user, system } = process.cpuUsage();
  return { postgresUs: TICK_US * ticks.reduce((a, b) => a + b, 0), nodeUs: user + system };
}

async function ticksOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8");
  const [utime, stime] = text
    .slice(text.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13);
  return Number(utime) + Number(stime);
}
