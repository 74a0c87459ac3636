import { inspect } from "node:util";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { SessionsError } from "@sessions/core/internal";
import { freshDatabase } from "../testing/postgres.ts";
import { seen } from "../testing/visits/browser.ts";
import { hosts } from "../testing/visits/hosts.ts";
import { secretsOf } from "../testing/visits/secrets.ts";
import { visitContract } from "../testing/visits/visit-contract.ts";
import { createSignIns } from "./create-sign-ins.ts";

const { pool } = await freshDatabase();

let passedMs = 0;
const faults: SessionsError[] = [];
const signIns = createSignIns({
  database: pool,
  sweeps: false,
  now: () => Date.now() + passedMs,
  onError: (fault) => void faults.push(fault),
});
const consoles = (["log", "info", "warn", "error", "debug"] as const).map((method) => vi.spyOn(console, method));
const world = { signIns, advance: (ms: number) => void (passedMs += ms) };

beforeAll(() => signIns.migrate());
afterAll(() => signIns.close());

for (const name of Object.keys(hosts)) visitContract(name, () => world);

test("S18: no body, no error, no line of a log and no row holds a secret of the tokens that were issued", async () => {
  expect(seen.tokens.size).toBeGreaterThan(50);
  const { rows: tables } = await pool.query<{ name: string }>(
    "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = 'sessions'",
  );
  const rows = await Promise.all(
    tables.map(async ({ name }) => (await pool.query(`select t::text from ${name} t`)).rows),
  );
  const logged = consoles.flatMap(({ mock }) => mock.calls);
  const text = [...seen.bodies, inspect([faults, logged], { depth: 10 })].join("\n");
  const stored = JSON.stringify(rows);
  expect(stored.length).toBeGreaterThan(10_000);
  for (const token of seen.tokens) {
    for (const secret of secretsOf(token)) expect(text.includes(secret)).toBe(false);
    // The tables hold a hash of the secret, and the branch: both let nobody in.
    const [, id, , , secret] = token.split(".");
    for (const part of [id!, secret!]) {
      expect(stored.includes(part)).toBe(false);
      expect(stored.includes(Buffer.from(part, "base64url").toString("hex"))).toBe(false);
    }
  }
});
