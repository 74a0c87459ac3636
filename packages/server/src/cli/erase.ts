import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { Command } from "commander";
import { z } from "zod";
import { SessionsError } from "@sessions/core/internal";
import { eraseOwner, type ErasedOwner } from "../erasure/erase-owner.ts";
import { hasTombstone, listTombstones, type Tombstone } from "../erasure/tombstones.ts";
import type { CommandRunner, Report } from "./command-runner.ts";
import type { Connection } from "./connection.ts";
import type { Output } from "./terminal/output.ts";

interface EraseOptions {
  readonly yes?: true;
  readonly tombstones?: true;
  readonly replay?: string;
}

const tombstoneSchema = z.object({
  owner: z.string().min(1).max(200),
  number: z.int().positive(),
  at: z.iso.datetime(),
});

export function addEraseCommand(program: Command, run: CommandRunner): void {
  program
    .command("erase")
    .description("erase everything that is kept of an owner, or erase again after a backup was restored")
    .argument("[owner]", "the owner")
    .option("--yes", "with an owner: do it")
    .option("--tombstones", "write who was erased to standard output, one line of JSON each: keep it with the backups")
    .option("--replay <file>", "erase the owners of such a file, whom a restored backup brought back")
    .action((owner: string | undefined, { yes, tombstones, replay }: EraseOptions, command: Command) => {
      const given = [owner, tombstones, replay].filter((each) => each !== undefined);
      if (given.length !== 1) return command.error("error: give an owner, or --tombstones, or --replay <file>");
      if (owner !== undefined && !yes) {
        return command.error(
          "error: nobody can undo an erasure. Add --yes to erase everything that is kept of the owner",
        );
      }
      return run(async (connection, output) => {
        if (!(await connection.hasTable("erasure"))) {
          throw new SessionsError("database_not_migrated", "The schema has no tables of erasures.");
        }
        if (tombstones) return writeTombstones(connection, output);
        if (replay !== undefined) return replayFrom(connection, output, replay);
        return reportOf(owner!, await erase(connection, output, owner!));
      });
    });
}

async function erase(
  { eraseDb, schema, openBus }: Connection,
  output: Output,
  owner: string,
  tombstone?: Tombstone,
): Promise<ErasedOwner> {
  const bus = await openBus();
  const onProgress = (rows: number) => output.progress(`${rows} rows`);
  return eraseOwner({ db: eraseDb, schema, now: Date.now, bus, onProgress }, owner, tombstone);
}

function reportOf(owner: string, { sessions, signIns, rows }: ErasedOwner): Report {
  const line = `Erased ${sessions} sessions with their histories, ${signIns} live sign-ins, and ${rows} other rows.`;
  return { lines: [line], json: { owner, sessions, signIns, rows } };
}

async function writeTombstones({ eraseDb, schema }: Connection, output: Output): Promise<null> {
  let count = 0;
  for await (const tombstone of listTombstones(eraseDb, schema)) {
    await output.write(`${JSON.stringify(tombstone)}\n`);
    count += 1;
  }
  output.note(`${count} erasures.`);
  return null;
}

async function replayFrom(connection: Connection, output: Output, file: string): Promise<Report> {
  const { eraseDb, schema } = connection;
  let erased = 0;
  let known = 0;
  for (const tombstone of await readTombstones(file)) {
    if (await hasTombstone(eraseDb, schema, tombstone)) known += 1;
    else {
      await erase(connection, output, tombstone.owner, tombstone);
      erased += 1;
    }
  }
  return {
    lines: [`Erased ${erased} owners again. ${known} erasures were in this database already.`],
    json: { erased, known },
  };
}

/** All of a file is read first: a line that is broken must not leave half of it done. */
async function readTombstones(file: string): Promise<readonly Tombstone[]> {
  const tombstones: Tombstone[] = [];
  let line = 0;
  for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    line += 1;
    if (text.trim() === "") continue;
    const parsed = tombstoneSchema.safeParse(parsedJson(text));
    if (!parsed.success) {
      throw new SessionsError(
        "configuration_invalid",
        `Line ${line} of the file is not of \`sessions erase --tombstones\`.`,
      );
    }
    tombstones.push(parsed.data);
  }
  return tombstones;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
