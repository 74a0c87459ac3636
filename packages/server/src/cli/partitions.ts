import { InvalidArgumentError, type Command } from "commander";
import { retainedMonths, listExpiredPartitions, retentionFormat, type Retention } from "../postgres/retention.ts";
import type { CommandRunner } from "./command-runner.ts";
import { formatCount } from "./status.ts";

/** Longer than any session. A session's history begins before its end, so each month of history is kept this much longer. */
const LONGEST_SESSION_MS = 366 * 86_400_000;
const longerMs = (table: string) => (table === "session_event" ? LONGEST_SESSION_MS : 0);

interface Options {
  readonly ahead?: number;
  readonly keep?: Retention;
  readonly dryRun?: boolean;
}

export function addPartitions(program: Command, run: CommandRunner): void {
  program
    .command("partitions")
    .description("list the months, make coming ones, drop old ones")
    .option("--ahead <months>", "make partitions for this many months to come", wholeNumber)
    .option("--keep <retention>", `drop what is older: ${retentionFormat}`, retention)
    .option("--dry-run", "say what would be made and dropped, and do neither")
    .action(({ ahead, keep = "forever", dryRun = false }: Options) =>
      run(async ({ sessions, partitions }, output) => {
        await sessions.check();
        const nowMs = Date.now();
        const made = ahead === undefined ? [] : await partitions.missingAhead(nowMs, ahead);
        if (ahead !== undefined && !dryRun) await partitions.ensureAhead(nowMs, ahead);

        const old = await listExpiredPartitions(partitions, keep, nowMs, longerMs);
        const dropped = [];
        for (const partition of old) {
          output.progress(`${dropped.length} of ${old.length} dropped`);
          dropped.push({ table: partition.table, ...(await partitions.count(partition)) });
          if (!dryRun) await partitions.drop(partition);
        }
        const present = [];
        for (const partition of await partitions.list()) {
          output.progress(`${present.length} counted`);
          const { table, of, month } = partition;
          present.push({ table, of, month, ...(await partitions.count(partition)) });
        }
        return {
          lines: [
            ...made.map((table) => `${dryRun ? "Would make" : "Made"} ${table}`),
            ...dropped.map((one) => `${dryRun ? "Would drop" : "Dropped"} ${one.table}  ${formatCount(one)} rows`),
            ...present.map((one) => `${one.table}  ${formatCount(one)} rows`),
          ],
          json: { dryRun, made, dropped, partitions: present },
        };
      }),
    );
}

function wholeNumber(text: string): number {
  if (!/^\d{1,3}$/.test(text)) throw new InvalidArgumentError("It is a whole number of months, from 0 to 999.");
  return Number(text);
}

function retention(text: string): Retention {
  const keep = text as Retention;
  try {
    retainedMonths(keep);
  } catch {
    throw new InvalidArgumentError(`It is ${retentionFormat}.`);
  }
  return keep;
}
