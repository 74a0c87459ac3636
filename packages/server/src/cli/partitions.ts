import { InvalidArgumentError, type Command } from "commander";
import type { Partition, Partitions, RowCount } from "../postgres/partitions.ts";
import { retainedMonths, listExpiredPartitions, retentionFormat, type Retention } from "../postgres/retention.ts";
import type { CommandRunner } from "./command-runner.ts";
import { formatCount } from "./status.ts";

/** Longer than any session. A history begins before the end that it tells of, so each month of it is kept this much longer. */
const LONGEST_MS = 366 * 86_400_000;
const longerMs = (table: string) => (table.endsWith("_event") ? LONGEST_MS : 0);

interface Options {
  readonly ahead?: number;
  readonly keep?: Retention;
  readonly dryRun?: boolean;
}

export function addPartitionsCommand(program: Command, run: CommandRunner): void {
  program
    .command("partitions")
    .description("list the months, make coming ones, drop old ones")
    .option("--ahead <months>", "make partitions for this many months to come", wholeMonths)
    .option("--keep <retention>", `drop what is older: ${retentionFormat}`, retention)
    .option("--dry-run", "say what would be made and dropped, and do neither")
    .action(({ ahead, keep = "forever", dryRun = false }: Options) =>
      run(async (connection, output) => {
        const { sessions, signIns, hasSignIns, partitions: own, signInPartitions } = connection;
        const withSessions = !(await connection.hasSignInsOnly());
        if (withSessions) await sessions.check();
        const withSignIns = await hasSignIns();
        if (withSignIns) await signIns.checkMigrated();
        const nowMs = Date.now();
        const [made, dropped, present]: [string[], Counted[], Counted[]] = [[], [], []];
        for (const partitions of [...(withSessions ? [own] : []), ...(withSignIns ? [signInPartitions] : [])]) {
          if (ahead !== undefined) {
            made.push(...(await partitions.missingAhead(nowMs, ahead)));
            if (!dryRun) await partitions.ensureAhead(nowMs, ahead);
          }

          for (const partition of await listExpiredPartitions(partitions, keep, nowMs, longerMs)) {
            output.progress(`${dropped.length} dropped`);
            dropped.push(await countPartition(partitions, partition));
            if (!dryRun) await partitions.drop(partition);
          }

          for (const partition of await partitions.list()) {
            output.progress(`${present.length} counted`);
            present.push(await countPartition(partitions, partition));
          }
        }
        return {
          lines: [
            ...made.map((table) => `${dryRun ? "Would make" : "Made"} ${table}`),
            ...dropped.map((one) => `${dryRun ? "Would drop" : "Dropped"} ${one.table}  ${formatCount(one)} rows`),
            ...present.map((one) => `${one.table}  ${formatCount(one)} rows`),
          ],
          json: {
            dryRun,
            made,
            dropped: dropped.map(({ table, rows, exact }) => ({ table, rows, exact })),
            partitions: present,
          },
        };
      }),
    );
}

type Counted = Pick<Partition, "table" | "of" | "month"> & RowCount;

async function countPartition(partitions: Partitions, partition: Partition): Promise<Counted> {
  const { table, of, month } = partition;
  return { table, of, month, ...(await partitions.count(partition)) };
}

export function wholeMonths(text: string): number {
  if (!/^\d{1,3}$/.test(text)) throw new InvalidArgumentError("It is a whole number of months, from 0 to 999.");
  return Number(text);
}

export function retention(text: string): Retention {
  const keep = text as Retention;
  try {
    retainedMonths(keep);
  } catch {
    throw new InvalidArgumentError(`It is ${retentionFormat}.`);
  }
  return keep;
}
