import { InvalidArgumentError, type Command } from "commander";
import type { SignInKeeper, SignInSummary } from "../sign-in/keeper/sign-in-keeper.ts";
import type { CommandRunner, Report } from "./command-runner.ts";
import type { Connection } from "./connection.ts";
import { InterruptedError, interruptionOf } from "./terminal/exit-code.ts";
import type { Output } from "./terminal/output.ts";
import { countRows } from "../postgres/partitions.ts";
import { formatCount } from "./status.ts";
import { formatSignIns } from "./sweep.ts";

interface RevokeOptions {
  readonly owner?: string;
  readonly id?: string;
  readonly all?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

export function addSignInsCommand(program: Command, run: CommandRunner): void {
  const signIns = program.command("sign-ins").description("list sign-ins, and end them");

  signIns
    .command("list")
    .description("list where an owner is signed in")
    .requiredOption("--owner <id>", "the owner")
    .action(({ owner }: { owner: string }) =>
      run(async (connection, output) => {
        if (!(await checkSignIns(connection, output))) return missingReport;
        const found = await listAll(connection.signIns, owner);
        return {
          lines: found.length === 0 ? ["Nobody is signed in as this owner."] : found.map(lineOf),
          json: { owner, signIns: found.map(jsonOf) },
        };
      }),
    );

  signIns
    .command("revoke")
    .description("end one sign-in of an owner, all of an owner, or those of everybody")
    .option("--owner <id>", "the owner whose sign-ins end")
    .option("--id <id>", "end this one alone, by the id that `list` shows", uuid)
    .option("--all", "end the sign-ins of everybody")
    .option("--yes", "with --all: do it")
    .option("--dry-run", "say how many would end, and end none")
    .action((options: RevokeOptions, command: Command) => {
      const { owner, id, all, yes, dryRun = false } = options;
      if ((owner === undefined) === (all === undefined)) return command.error("error: give either --owner or --all");
      if (id !== undefined && owner === undefined) return command.error("error: --id needs --owner");
      if (all && !yes && !dryRun) {
        return command.error("error: --all signs everybody out. Add --yes to do it, or --dry-run to count");
      }
      return run(async (connection, output) => {
        if (!(await checkSignIns(connection, output))) return missingReport;
        if (dryRun) {
          if (owner !== undefined) return dryRunReport(await countMatching(connection.signIns, owner, id));
          const counted = await countRows(connection.db, connection.schema, "sign_in", connection.kind);
          return { lines: [`Would end ${formatCount(counted)} sign-ins.`], json: { dryRun, ...counted } };
        }
        const keeper = await connection.announcedSignIns();
        if (owner === undefined) return endReport(await endEverybody(keeper, output));
        if (id === undefined) return endReport(await keeper.endAll(owner));
        if (await keeper.end(owner, id, "revoked")) return endReport(1);
        output.note("The owner has no such sign-in. It may have ended already.");
        return { lines: [], json: { dryRun, ended: 0 }, failed: true };
      });
    });
}

const missingReport: Report = { lines: [], json: { signIns: null }, failed: true };

async function checkSignIns({ signIns, hasSignIns, schema }: Connection, output: Output): Promise<boolean> {
  if (await hasSignIns()) {
    await signIns.checkMigrated();
    return true;
  }
  const option = schema === "sessions" ? "" : ` --schema ${schema}`;
  output.note(`The schema "${schema}" has no tables of sign-ins: run \`sessions migrate --sign-ins${option}\`.`);
  return false;
}

const dryRunReport = (count: number): Report => ({
  lines: [`Would end ${formatSignIns(count)}.`],
  json: { dryRun: true, rows: count, exact: true },
});

const endReport = (count: number): Report => ({
  lines: [`Ended ${formatSignIns(count)}.`],
  json: { dryRun: false, ended: count },
});

async function endEverybody(keeper: SignInKeeper, output: Output): Promise<number> {
  output.progress("0 ended");
  try {
    return await keeper.endEverybody((count) => output.progress(`${count} ended`));
  } catch (error) {
    const interruption = interruptionOf(error);
    // A second run would also end the sign-ins that began meanwhile.
    throw interruption ? new InterruptedError(interruption.exitCode, ALL_OUT) : error;
  }
}

const ALL_OUT =
  "Interrupted. Everybody is signed out. The nodes' sweeps move the rest of the rows: do not run it again.";

async function countMatching(keeper: SignInKeeper, owner: string, id: string | undefined): Promise<number> {
  const found = await listAll(keeper, owner);
  return id === undefined ? found.length : found.filter(({ publicId }) => publicId === id).length;
}

async function listAll(keeper: SignInKeeper, owner: string): Promise<readonly SignInSummary[]> {
  const found: SignInSummary[] = [];
  for (let after: string | null | undefined; after !== null;) {
    const { rows, next } = await keeper.list(owner, after === undefined ? {} : { after });
    found.push(...rows);
    after = next;
  }
  return found;
}

function lineOf({ publicId, device, place, factors, sinceMs, lastUsedMs, endsMs }: SignInSummary): string {
  const where = place === null ? device : `${device}, ${place}`;
  const times = `since ${formatMinute(sinceMs)}, last used ${formatMinute(lastUsedMs)}, until ${formatMinute(endsMs)}`;
  return `${publicId}  ${withoutControls(where)}  ${times}, by ${withoutControls(factors.join(" and "))}`;
}

function jsonOf({ publicId, device, place, factors, sinceMs, provedMs, lastUsedMs, endsMs }: SignInSummary): object {
  const time = (ms: number) => new Date(ms).toISOString();
  return {
    id: publicId,
    device,
    place,
    factors,
    since: time(sinceMs),
    provedAt: time(provedMs),
    lastUsed: time(lastUsedMs),
    endsAt: time(endsMs),
  };
}

const formatMinute = (ms: number) => `${new Date(ms).toISOString().slice(0, "2026-11-28T17:36".length)}Z`;

/** A browser chose the device's name. Characters that control a terminal are not printed. */
const withoutControls = (text: string) => text.replaceAll(/\p{C}/gu, "�");

function uuid(text: string): string {
  if (!/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text)) {
    throw new InvalidArgumentError("It is an id that `sessions sign-ins list` shows.");
  }
  return text.toLowerCase();
}
