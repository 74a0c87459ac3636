import type { Command } from "commander";
import type { Kysely } from "kysely";
import { SessionsError } from "@sessions/core/internal";
import { checkMigrated } from "../postgres/migrations.ts";
import { ProjectionOperator } from "../projections/operator.ts";
import type { ProjectionFault } from "../projections/rows/faults.ts";
import { projectionMigrations } from "../projections/rows/migrations.ts";
import type { BuildStatus } from "../projections/rows/status.ts";
import type { ProjectionTables } from "../projections/rows/tables.ts";
import type { CommandRunner, Report } from "./command-runner.ts";
import type { Connection } from "./connection.ts";
import type { Output } from "./terminal/output.ts";

/** How many faults of a projection a command shows, or tries again. */
const FAULTS = 1_000;

interface FaultOptions {
  readonly owner?: string;
  readonly session?: string;
  readonly why: string;
  readonly who?: string;
}

export function addProjectionsCommand(program: Command, run: CommandRunner): void {
  const projections = program.command("projections").description("see how projections stand, and look after them");
  /** Runs with the projections of the schema, if it has tables of them. */
  const withOperator = (work: (operator: ProjectionOperator, output: Output) => Promise<Report>) =>
    run(async (connection, output) => {
      if (!(await checkProjections(connection, output)))
        return { lines: [], json: { projections: null }, failed: true };
      // checkProjections has found these tables in the same schema.
      const db = connection.db as unknown as Kysely<ProjectionTables>;
      return work(new ProjectionOperator({ db, schema: connection.schema, now: Date.now }), output);
    });

  projections
    .command("list")
    .description("list the builds of all projections, how far they are, and what waits")
    .argument("[name]", "a projection: list the sessions that wait for a fault of it")
    .action((name: string | undefined) =>
      withOperator(async (operator) => {
        if (name !== undefined) {
          const faults = await operator.faults(name, FAULTS);
          const lines = faults.length === 0 ? ["Nothing waits."] : faults.map(faultLine);
          return { lines, json: { projection: name, faults } };
        }
        const builds = await operator.status();
        const lines = builds.length === 0 ? ["There are no projections."] : builds.map(buildLine);
        return { lines, json: { projections: builds } };
      }),
    );

  projections
    .command("rebuild")
    .description("fill new tables from the whole history, which then take the place of the old ones")
    .argument("<name>", "the projection")
    .action((name: string) =>
      withOperator(async (operator) => {
        await operator.rebuild(name);
        return {
          lines: [
            `A node that works on ${name} now fills its tables anew. \`sessions projections list\` says how far it is.`,
          ],
          json: { projection: name },
        };
      }),
    );

  withFaultOptions(projections.command("retry"))
    .description("try the entries again for which sessions wait")
    .action((name: string, options: FaultOptions) =>
      withOperator(async (operator) => {
        const faults = matching(await operator.faults(name, FAULTS), options);
        for (const fault of faults) await operator.retry(fault, reasonOf(options));
        return { lines: [`Will try ${faults.length} again.`], json: { projection: name, retried: faults.length } };
      }),
    );

  withFaultOptions(projections.command("skip"))
    .description("leave out the entry for which one session waits, so that the session goes on behind it")
    .action((name: string, options: FaultOptions, command: Command) => {
      if (options.owner === undefined || options.session === undefined) {
        return command.error("error: give --owner and --session, as `projections list` shows them");
      }
      return withOperator(async (operator, output) => {
        const [fault] = matching(await operator.faults(name, FAULTS), options);
        if (fault !== undefined && (await operator.skip(fault, reasonOf(options)))) {
          return { lines: [`Skipped entry ${fault.number}.`], json: { projection: name, skipped: fault.number } };
        }
        output.note("This session does not wait. Its entry may have been applied meanwhile.");
        return { lines: [], json: { projection: name, skipped: null }, failed: true };
      });
    });
}

function withFaultOptions(command: Command): Command {
  return command
    .argument("<name>", "the projection")
    .option("--owner <id>", "of this owner alone")
    .option("--session <id>", "of this session alone")
    .requiredOption("--why <text>", "the reason, for the audit")
    .option("--who <name>", "who does it, for the audit (default: the user of this shell)");
}

async function checkProjections({ db, schema }: Pick<Connection, "db" | "schema">, output: Output): Promise<boolean> {
  try {
    await checkMigrated(db, schema, projectionMigrations(schema));
    return true;
  } catch (error) {
    if (!(error instanceof SessionsError && error.code === "database_not_migrated")) throw error;
    const option = schema === "sessions" ? "" : ` --schema ${schema}`;
    output.note(
      `The schema "${schema}" has no tables of projections: run \`sessions migrate --projections${option}\`.`,
    );
    return false;
  }
}

function matching(faults: readonly ProjectionFault[], { owner, session }: FaultOptions): readonly ProjectionFault[] {
  return faults.filter(
    (fault) => (owner === undefined || fault.owner === owner) && (session === undefined || fault.stream === session),
  );
}

function reasonOf({ who, why }: FaultOptions): { readonly who: string; readonly why: string } {
  return { who: who ?? process.env["USER"] ?? "unknown", why };
}

function buildLine(build: BuildStatus): string {
  const { projection, version, isLive, buckets, led, scan, behind, lagMs, waiting } = build;
  const parts = [
    `${projection}  version ${version}`,
    isLive ? "live" : "not live",
    scan === null ? undefined : `reads the history: ${scan.done} of about ${scan.total}`,
    `${behind.exact ? behind.rows : `more than ${behind.rows}`} entries behind, ${(lagMs / 1_000).toFixed(1)} s`,
    `${waiting} waiting`,
    led === buckets ? undefined : `${buckets - led} of ${buckets} buckets without a node`,
  ];
  return parts.filter((part) => part !== undefined).join("  ");
}

function faultLine({ owner, stream, number, tries, error, code, line, since, nextAt }: ProjectionFault): string {
  const next = nextAt === null ? "not tried again by itself" : `next try ${nextAt}`;
  const what = [error, code, line].filter((part) => part !== null).join(" ");
  return `${owner}  ${stream}  entry ${number}  ${what}  ${tries} tries since ${since}  ${next}`;
}
