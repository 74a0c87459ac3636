import { spawn, type ChildProcess } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Kysely } from "kysely";
import { inject } from "vitest";
import { writeEmptyPGlite } from "../../../packages/server/src/testing/pglite.ts";
import { openDatabase } from "../src/server/database.ts";
import type { BankTables } from "../src/server/ledger.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** A running example. */
export interface BankServer {
  readonly url: string;
  /** Suspends it: it accepts requests, and answers none until `thaw()`. */
  freeze(): void;
  thaw(): void;
  /** Stops it as Ctrl+C does. Resolves with its exit code. */
  stop(): Promise<number | null>;
  /** The booked payments, and the balance of each owner. Stop the server first: PGlite has one process. */
  books(): Promise<{ ledger: { session: string; cents: number }[]; balances: Record<string, number> }>;
  /** Kills it and removes its files. */
  remove(): Promise<void>;
}

/** The result of a failed start. */
export interface Failure {
  readonly exitCode: number | null;
  readonly stderr: string;
}

/**
 * Starts the example as one process, on PGlite or on the PostgreSQL at `databaseUrl`. By default, any free port.
 * A PGlite begins with a copy of empty files. If `isFirstStart`, the example makes them, which takes five times as long.
 */
export async function startBank(databaseUrl?: string, port = "0", isFirstStart = false): Promise<BankServer> {
  const data = await mkdtemp(join(tmpdir(), "bank-data-"));
  if (!databaseUrl && !isFirstStart) {
    await mkdir(join(data, "pglite"));
    await writeEmptyPGlite(join(data, "pglite"));
  }
  const process = run({
    DATA_DIRECTORY: data,
    PORT: port,
    ...(databaseUrl && { DATABASE_URL: databaseUrl }),
  });
  const exit = exitOf(process);
  const url = await Promise.race([addressOf(process), exit.then(({ stderr }) => Promise.reject(new Error(stderr)))]);

  return {
    url,
    freeze: () => void process.kill("SIGSTOP"),
    thaw: () => void process.kill("SIGCONT"),
    async stop() {
      process.kill("SIGTERM");
      return (await exit).exitCode;
    },
    async books() {
      const database = await openDatabase(databaseUrl, data);
      const db = new Kysely<BankTables>({ dialect: database.dialect });
      const ledger = await db.selectFrom("bank.ledger").select(["session", "cents"]).orderBy("entry").execute();
      const accounts = await db.selectFrom("bank.account").select(["owner", "balance_cents"]).execute();
      await database.close();
      return {
        ledger: ledger.map(({ session, cents }) => ({ session, cents: Number(cents) })),
        balances: Object.fromEntries(accounts.map(({ owner, balance_cents }) => [owner, Number(balance_cents)])),
      };
    },
    async remove() {
      process.kill("SIGKILL");
      await exit;
      await rm(data, { recursive: true, force: true });
    },
  };
}

/** Starts the example with settings that must make the start fail. */
export async function failToStart(environment: Record<string, string>): Promise<Failure> {
  return exitOf(run(environment));
}

function run(environment: Record<string, string>): ChildProcess {
  const main = join(root, "src/server/main.ts");
  const started = spawn(globalThis.process.execPath, ["--conditions=@sessions/source", main], {
    env: {
      PATH: globalThis.process.env["PATH"],
      NODE_COMPILE_CACHE: globalThis.process.env["NODE_COMPILE_CACHE"],
      PAGES_DIRECTORY: inject("pagesDirectory"),
      PORT: "0",
      ...environment,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  // An interrupted run leaves no server behind.
  const end = () => void started.kill("SIGKILL");
  globalThis.process.once("exit", end);
  started.once("close", () => globalThis.process.off("exit", end));
  return started;
}

async function exitOf(process: ChildProcess): Promise<Failure> {
  let stderr = "";
  process.stderr?.on("data", (chunk) => (stderr += String(chunk)));
  const exitCode = await new Promise<number | null>((resolve) => process.once("close", resolve));
  return { exitCode, stderr };
}

function addressOf(process: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    let stdout = "";
    process.stdout?.on("data", (chunk) => {
      stdout += String(chunk);
      const [url] = /http:\/\/localhost:\d+/.exec(stdout) ?? [];
      if (url) resolve(url);
    });
  });
}
