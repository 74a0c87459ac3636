import type { Command } from "commander";
import { SessionsError } from "@sessions/core/internal";
import { databaseFault, nameOf } from "../postgres/errors.ts";
import { keysFromEnvironment } from "../secrets/environment-keys.ts";
import { keysFromFile } from "../secrets/file-keys.ts";
import type { KeyProvider } from "../secrets/key-provider.ts";
import { connect, type Connection } from "./connection.ts";
import { exitCodes, interruptionOf } from "./terminal/exit-code.ts";
import { createOutput, type Output } from "./terminal/output.ts";
import type { Terminal } from "./terminal/terminal.ts";

/** The result of a command: as lines, and as one JSON value. */
export interface Report {
  readonly lines: readonly string[];
  readonly json: object;
  /** Whether the command found a problem. */
  readonly failed?: boolean;
}

/** Runs a command on the database that the options name, and prints its report. It prints nothing for null. */
export type CommandRunner = (work: (connection: Connection, output: Output) => Promise<Report | null>) => Promise<void>;

interface GlobalOptions {
  readonly databaseUrl?: string;
  readonly schema: string;
  readonly keysFile?: string;
  readonly json?: true;
}

export function createCommandRunner(
  program: Command,
  terminal: Terminal,
  end: (exitCode: number) => void,
): CommandRunner {
  const output = createOutput(terminal);

  async function report({ lines, json, failed }: Report): Promise<void> {
    output.clear();
    const text = program.opts<GlobalOptions>().json ? [JSON.stringify(json)] : lines;
    for (const line of text) await output.write(`${line}\n`);
    if (failed) end(exitCodes.failed);
  }

  return async (work) => {
    const { databaseUrl = terminal.databaseUrl, schema, keysFile } = program.opts<GlobalOptions>();
    try {
      const keys = keysFrom(keysFile, terminal.keys);
      const connection = await connect({ databaseUrl, schema, keys, onError: ({ message }) => output.note(message) });
      try {
        const found = await work(connection, output);
        if (found) await report(found);
        output.clear();
      } finally {
        await connection.end();
      }
    } catch (error) {
      end(exitCodeOf(error));
      output.note(sentenceOf(error, schema));
    }
  };
}

function keysFrom(file: string | undefined, list: string | undefined): KeyProvider | undefined {
  if (file !== undefined) return keysFromFile(file);
  return list ? keysFromEnvironment(list) : undefined;
}

function exitCodeOf(error: unknown): number {
  const interruption = interruptionOf(error);
  if (interruption) return interruption.exitCode;
  return error instanceof SessionsError && error.code === "configuration_invalid"
    ? exitCodes.misused
    : exitCodes.failed;
}

/** One line for a person at a shell, without a stack and without the driver's message. */
function sentenceOf(error: unknown, schema: string): string {
  const interruption = interruptionOf(error);
  if (interruption) return interruption.message;
  const fault = databaseFault(error);
  if (fault === undefined) return `Something failed that should not have: ${nameOf(error)}.`;
  if (fault.code === "database_not_migrated") {
    const option = schema === "sessions" ? "" : ` --schema ${schema}`;
    return `The schema "${schema}" lacks tables of this version: run \`sessions migrate${option}\`.`;
  }
  return fault.message.slice(fault.code.length + 2);
}
