import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import type { Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { expect, onTestFinished, test, vi } from "vitest";
import { createBank, start, submit, TestClient } from "../testing/bank.ts";
import { inFiles, inMemory, inPostgres, inPostgresBehindTheCache } from "../testing/documented/storages.ts";
import { writeEmptyPGlite } from "../testing/pglite.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { createSignIns } from "../sign-in/create-sign-ins.ts";
import type { Bus } from "../bus/bus.ts";

const { url } = await freshDatabase();

interface Storage {
  readonly database: Pool | PGlite;
  readonly bus?: Bus;
  readonly cacheBytes?: number;
}

/** An application on one node, over a storage. */
async function open({ database, bus, cacheBytes }: Storage) {
  const shared = { sweeps: false, ...(bus && { bus }), ...(cacheBytes !== undefined && { cacheBytes }) };
  const sessions = createBank(database, shared);
  const signIns = createSignIns({ database, ...shared });
  await sessions.migrate();
  await signIns.migrate();
  return {
    ada: new TestClient(sessions, "ada"),
    /** Who is signed in in the browser with this cookie. Without one, Ada signs in first. */
    async visit(cookie?: string): Promise<{ readonly owner: string | null; readonly cookie: string }> {
      const headers = { "sec-fetch-site": "same-origin", ...(cookie !== undefined && { cookie }) };
      let owner: string | null = null;
      const response = await signIns.fetch(
        new Request("https://bank.example", { method: "POST", headers }),
        async (visit) => {
          if (cookie === undefined) await visit.signInAs("ada", { factors: ["password"] });
          ({ owner } = visit);
          return new Response();
        },
      );
      return { owner, cookie: cookie ?? response.headers.getSetCookie()[0]!.split(";")[0]! };
    },
    async close(): Promise<void> {
      await sessions.close();
      await signIns.close();
      if (database instanceof PGlite) await database.close();
      else await database.end();
    },
  };
}

/** Begins a session and signs in, then opens the storage anew, as after a deploy. Tells what is left. */
async function keptBy(storage: () => Storage) {
  const before = await open(storage());
  const session = uuidv7();
  await before.ada.push(start(session, "notes"), submit(session, "left", { text: "kept" }));
  const { cookie } = await before.visit();
  await before.close();
  const after = await open(storage());
  const { active } = await after.ada.list();
  const { owner } = await after.visit(cookie);
  await after.close();
  return { texts: active.map(({ data }) => data["left"]), owner };
}

test("in memory, sessions and sign-ins are there until the process ends", { timeout: 90_000 }, async () => {
  const storage = inMemory();
  const node = await open(storage);
  await node.ada.push(start(uuidv7(), "notes"));
  const { cookie } = await node.visit();
  expect((await node.ada.list()).active).toHaveLength(1);
  expect((await node.visit(cookie)).owner).toBe("ada");
  expect(storage.database.dataDir).toBeUndefined();
  await node.close();
});

test("in files, sessions and sign-ins are there after a restart", { timeout: 90_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "sessions-storage-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeEmptyPGlite(folder);
  expect(await keptBy(() => inFiles(folder))).toEqual({ texts: [{ text: "kept" }], owner: "ada" });
});

test("in Postgres, sessions and sign-ins are there after a restart, and each check of a sign-in asks it", async () => {
  expect(await keptBy(() => inPostgres(url))).toEqual({ texts: [{ text: "kept" }], owner: "ada" });
  expect(await statementsOfChecks(inPostgres(url))).toBeGreaterThanOrEqual(10);
});

test("behind the cache, sessions and sign-ins are there after a restart, and checks of a sign-in ask nothing", async () => {
  const storage = () => inPostgresBehindTheCache(url);
  const { texts, owner } = await keptBy(storage);
  expect([texts.at(-1), owner]).toEqual([{ text: "kept" }, "ada"]);
  expect(await statementsOfChecks(storage())).toBe(0);
});

/** How many connections ten checks of one sign-in take. */
async function statementsOfChecks(storage: Storage & { readonly database: Pool }): Promise<number> {
  const node = await open(storage);
  const { cookie } = await node.visit();
  await node.visit(cookie);
  const connected = vi.spyOn(storage.database, "connect");
  for (let count = 0; count < 10; count += 1) expect((await node.visit(cookie)).owner).toBe("ada");
  const { length } = connected.mock.calls;
  await node.close();
  return length;
}
