import { InvalidArgumentError, type Command } from "commander";
import type { AnyActivity } from "../activity/definition/define-activity.ts";
import { listExpiredEvents } from "../activity/event-retention.ts";
import { SessionReader, type ActivitySession } from "../activity/reads/session-reader.ts";
import { listDefinitions } from "../activity/rows/definitions.ts";
import { loadPending, isTooMuch } from "../activity/rows/feed-position.ts";
import { activityMigrations } from "../activity/rows/migrations.ts";
import { partitionedTables, type ActivityTables } from "../activity/rows/tables.ts";
import { createKysely } from "../postgres/database.ts";
import { checkMigrated } from "../postgres/migrations.ts";
import { countRows, Partitions } from "../postgres/partitions.ts";
import { listExpiredPartitions, type Retention, retentionFormat } from "../postgres/retention.ts";
import type { CommandRunner, Report } from "./command-runner.ts";
import type { Connection } from "./connection.ts";
import type { Output } from "./terminal/output.ts";
import { retention, wholeMonths } from "./partitions.ts";
import { formatCount, totalRows } from "./status.ts";

interface ListOptions {
  readonly owner: string;
  readonly activity: string;
  readonly limit?: number;
}

interface PartitionOptions {
  readonly ahead?: number;
  readonly keepEvents?: Retention;
  readonly keepSessions?: Retention;
  readonly dryRun?: boolean;
}

export function addActivityCommand(program: Command, run: CommandRunner): void {
  const activity = program.command("activity").description("look at activity sessions, and after their tables");

  activity
    .command("status")
    .description("say which activities there are, how much is stored, and what waits")
    .action(() =>
      run(async (connection, output) => ((await isThere(connection, output)) ? status(connection) : missingReport)),
    );

  activity
    .command("list")
    .description("list the latest activity sessions of an owner")
    .requiredOption("--owner <id>", "the owner")
    .requiredOption("--activity <name>", "the activity, as `status` shows it")
    .option("--limit <number>", "at most this many, from 1 to 100", atMost, 20)
    .action((options: ListOptions) =>
      run(async (connection, output) =>
        (await isThere(connection, output)) ? list(connection, output, options) : missingReport,
      ),
    );

  activity
    .command("partitions")
    .description("make the months to come, and drop old events and activity sessions")
    .option("--ahead <months>", "make partitions for this many months to come", wholeMonths)
    .option("--keep-events <retention>", `drop events that are older: ${retentionFormat}`, retention)
    .option("--keep-sessions <retention>", `drop ended activity sessions that are older: ${retentionFormat}`, retention)
    .option("--dry-run", "say what would be made and dropped, and do neither")
    .action((options: PartitionOptions) =>
      run(async (connection, output) =>
        (await isThere(connection, output)) ? partitions(connection, options) : missingReport,
      ),
    );
}

const missingReport: Report = { lines: [], json: { activities: null }, failed: true };

async function isThere({ db, schema, hasTable }: Connection, output: Output): Promise<boolean> {
  const migrations = activityMigrations(schema);
  if (await hasTable(migrations.table)) {
    await checkMigrated(db, schema, migrations);
    return true;
  }
  const option = schema === "sessions" ? "" : ` --schema ${schema}`;
  output.note(`The schema "${schema}" has no tables of activities: run \`sessions migrate --activity${option}\`.`);
  return false;
}

async function status({ pool, schema }: Connection): Promise<Report> {
  const db = createKysely<ActivityTables>(pool);
  const months = new Partitions(db, schema, partitionedTables);
  const tables = await months.list();
  const [events, ended] = [
    await totalRows(months, tables, "activity_event"),
    await totalRows(months, tables, "activity_session_archive"),
  ];
  const active = await countRows(db, schema, "activity_session");
  const activities = await listDefinitions(db, schema);
  const pending = await loadPending(db, schema);
  const lagMs = pending === null ? null : pending.oldestMs === null ? 0 : Math.max(0, Date.now() - pending.oldestMs);
  const waiting =
    pending === null
      ? "all, until a scan has ended"
      : `${isTooMuch(pending) ? "more than 10000" : pending.events}, the oldest for ${Math.round(lagMs! / 1_000)} s`;
  return {
    lines: [
      `Activities          ${activities.map(({ name }) => name).join(", ") || "none: no node was started yet"}`,
      `Events              ${formatCount(events)}`,
      `Events that wait    ${waiting}`,
      `Activity sessions   ${formatCount(active)} that may still change, ${formatCount(ended)} in the archive`,
    ],
    json: {
      schema,
      activities: activities.map(({ name, clock, latenessMs, rules }) => ({ name, clock, latenessMs, ...rules })),
      events,
      waiting: pending === null ? null : { events: pending.events, exact: !isTooMuch(pending), lagMs },
      active,
      ended,
    },
  };
}

async function list(
  { pool, schema }: Connection,
  output: Output,
  { owner, activity: name, limit }: ListOptions,
): Promise<Report> {
  const db = createKysely<ActivityTables>(pool);
  const activity = (await listDefinitions(db, schema)).find((one) => one.name === name);
  if (activity === undefined) {
    output.note("There is no such activity. `sessions activity status` names them.");
    return { lines: [], json: { owner, sessions: null }, failed: true };
  }
  const reader = new SessionReader({ db, schema, now: Date.now });
  const { sessions } = await reader.list<AnyActivity>(owner, activity, { limit: limit ?? 20 });
  return {
    lines: sessions.length === 0 ? ["This owner has no activity session."] : sessions.map(lineOf),
    json: { owner, activity: name, sessions: sessions.map(jsonOf) },
  };
}

async function partitions({ pool, schema }: Connection, options: PartitionOptions): Promise<Report> {
  const { ahead, keepEvents = "forever", keepSessions = "forever", dryRun = false } = options;
  const months = new Partitions(createKysely<ActivityTables>(pool), schema, partitionedTables);
  const nowMs = Date.now();
  const made = ahead === undefined ? [] : await months.missingAhead(nowMs, ahead);
  if (ahead !== undefined && !dryRun) await months.ensureAhead(nowMs, ahead);
  const expired = [
    ...(await listExpiredEvents(months, keepEvents, nowMs)),
    ...(await listExpiredPartitions(months, keepSessions, nowMs, () => 0)).filter(({ of }) => of !== "activity_event"),
  ];
  if (!dryRun) for (const partition of expired) await months.drop(partition);
  const dropped = expired.map(({ table }) => table);
  const present = (await months.list()).map(({ table }) => table);
  return {
    lines: [
      ...made.map((table) => `${dryRun ? "Would make" : "Made"} ${table}`),
      ...dropped.map((table) => `${dryRun ? "Would drop" : "Dropped"} ${table}`),
      ...present,
    ],
    json: { dryRun, made, dropped, partitions: present },
  };
}

const minute = (ms: number) => `${new Date(ms).toISOString().slice(0, "2026-11-28T17:36".length)}Z`;

/** Values that `first` and `last` found may be what a person typed. They are in the JSON alone. */
function lineOf({ startedMs, lastMs, events, isOpen, counts }: ActivitySession): string {
  const numbers = Object.entries(counts).flatMap(([name, value]) =>
    typeof value === "number" ? [`${name} ${value}`] : [],
  );
  return [
    `${minute(startedMs)} to ${minute(lastMs)}`,
    `${events} events`,
    ...numbers,
    ...(isOpen ? ["open"] : []),
  ].join("  ");
}

function jsonOf({ startedMs, lastMs, ...session }: ActivitySession): object {
  return { started: new Date(startedMs).toISOString(), last: new Date(lastMs).toISOString(), ...session };
}

function atMost(text: string): number {
  if (!/^([1-9]\d?|100)$/.test(text)) throw new InvalidArgumentError("It is a whole number from 1 to 100.");
  return Number(text);
}
