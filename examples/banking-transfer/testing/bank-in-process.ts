import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, inject } from "vitest";
import { writeEmptyPGlite } from "../../../packages/server/src/testing/pglite.ts";
import { freshDatabase } from "../../../packages/server/src/testing/postgres.ts";
import { createApp, type App } from "../src/server/app.ts";
import { openDatabase, type Database } from "../src/server/database.ts";

/** A bank in the process of the test, with a clock that the test moves. */
export interface BankInProcess {
  readonly url: string;
  /** Moves the bank's clock. The browsers keep theirs. */
  advance(ms: number): void;
  /** The number of booked payments. */
  payments(): Promise<number>;
}

/** Runs a bank for all tests of a file. Call it at the file's top level. */
export async function runBankInProcess(on: "PostgreSQL" | "PGlite" = "PostgreSQL"): Promise<BankInProcess> {
  const url = on === "PostgreSQL" ? (await freshDatabase()).url : undefined;
  let files: string;
  let aheadMs = 0;
  let database: Database;
  let app: App;
  const server = createServer((req, res) => app.handle(req, res));

  beforeAll(async () => {
    files = await mkdtemp(join(tmpdir(), "bank-in-process-"));
    if (on === "PGlite") {
      await mkdir(join(files, "pglite"));
      await writeEmptyPGlite(join(files, "pglite"));
    }
    database = await openDatabase(url, files);
    app = createApp({
      database,
      pages: inject("pagesDirectory"),
      placeHeader: "cf-ipcountry",
      now: () => Date.now() + aheadMs,
    });
    await app.migrate();
    await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  });
  afterAll(async () => {
    server.close();
    server.closeAllConnections();
    await app.close();
    await database.close();
    await rm(files, { recursive: true, force: true });
  });

  return {
    get url() {
      return `http://localhost:${(server.address() as AddressInfo).port}`;
    },
    advance(ms) {
      aheadMs += ms;
    },
    async payments() {
      // A pool and a PGlite answer alike.
      const { query } = database.source as { query(text: string): Promise<{ readonly rows: readonly unknown[] }> };
      const { rows } = await query.call(database.source, "SELECT count(*)::int AS count FROM bank.ledger");
      return (rows[0] as { readonly count: number }).count;
    },
  };
}
