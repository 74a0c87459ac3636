import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { v7 as uuidv7 } from "uuid";
import { beforeAll } from "vitest";
import { InterruptedError } from "../cli/terminal/exit-code.ts";
import { runCli } from "../cli/program.ts";
import { cancel, createBank, createLedger, start, TestClient } from "./bank.ts";
import { freshDatabase } from "./postgres.ts";

/** The file of the `sessions` program. */
export const program = fileURLToPath(new URL("../cli/cli.ts", import.meta.url));

/** How a run of the `sessions` program ended, and its output. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program in this process. */
export function sessionsOn(databaseUrl: string, ...words: readonly string[]): Promise<Ended> {
  return sessionsWith({ databaseUrl }, ...words);
}

/** As {@link sessionsOn}, with an environment of its own. */
export async function sessionsWith(
  environment: { readonly databaseUrl: string; readonly keys?: string | undefined },
  ...words: readonly string[]
): Promise<Ended> {
  let [stdout, stderr] = ["", ""];
  const code = await runCli(words, {
    ...environment,
    stop: new AbortController().signal,
    write: async (text) => void (stdout += text),
    writeError: (text) => (stderr += text),
    isWatched: false,
  });
  return { code, stdout, stderr };
}

/** Runs the program in this process for somebody who watches, and interrupts it when it first says how far it came. */
export async function interruptedRun(databaseUrl: string, ...words: readonly string[]): Promise<Omit<Ended, "stdout">> {
  const stop = new AbortController();
  let stderr = "";
  const code = await runCli(words, {
    databaseUrl,
    stop: stop.signal,
    write: () => Promise.resolve(),
    writeError(text) {
      stderr += text;
      stop.abort(new InterruptedError(130));
    },
    isWatched: true,
  });
  return { code, stderr };
}

/** Waits for the end of a process, and collects its output. */
export async function ending(child: ChildProcessWithoutNullStreams): Promise<Ended> {
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk) => (stdout += String(chunk)));
  child.stderr.on("data", (chunk) => (stderr += String(chunk)));
  const [code] = (await once(child, "close")) as [number];
  return { code, stdout, stderr };
}

/**
 * A database with sessions of Ada: one was cancelled in January 2024, one is due to be swept, and three were completed
 * this month. `sessions` runs the program in this process, `begin` as a process of its own.
 */
export async function databaseOfAda() {
  const { pool, url } = await freshDatabase();
  let nowMs = Date.UTC(2024, 0, 31);
  const node = createBank(pool, { now: () => nowMs, sweeps: false });
  const ada = new TestClient(node, "ada");
  const sessions = (...words: readonly string[]) => sessionsOn(url, ...words);
  const begin = (...words: readonly string[]) => {
    const env = { ...process.env, DATABASE_URL: url };
    return spawn(process.execPath, ["--conditions=@sessions/source", program, ...words], { env });
  };
  beforeAll(async () => {
    await sessions("migrate");
    await createLedger(pool);
    const old = uuidv7();
    await ada.push(start(old, "notes"), cancel(old));
    nowMs = Date.now() - 100 * 3_600_000;
    await ada.one(start(uuidv7(), "notes"));
    nowMs = Date.now();
    for (let index = 0; index < 3; index += 1) await ada.one((await ada.untilReview()).review);
  });
  return { pool, url, ada, month: new Date().toISOString().slice(0, 7), sessions, begin };
}
