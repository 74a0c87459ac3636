import { sql } from "kysely";
import { Client, Pool } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { postgresBus } from "../index.ts";
import { createKysely } from "../postgres/database.ts";
import type { Tables } from "../flows/rows/tables.ts";
import { sampled } from "../../../../scripts/repetitions.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { restrictedRole, refusedDatabases, testDatabases } from "./databases.ts";
import { prepare, runScenario } from "./scenario.ts";
import { prepareSealed, runSealedScenario, sealedSchema } from "./sealed-scenario.ts";
import { prepareSignIns, runSignInScenario } from "./sign-in-scenario.ts";

const { pool, url } = await freshDatabase();
beforeAll(async () => {
  await prepare(pool);
  await prepareSignIns(pool);
  await prepareSealed(pool);
  await pool.query(`
    drop role if exists ${restrictedRole.name};
    create role ${restrictedRole.name} login password '${restrictedRole.password}';
    grant usage on schema sessions to ${restrictedRole.name};
    grant select, insert, update, delete on all tables in schema sessions to ${restrictedRole.name};
    grant usage on schema "${sealedSchema}" to ${restrictedRole.name};
    grant select, insert, update, delete on all tables in schema "${sealedSchema}" to ${restrictedRole.name};
    grant select, insert on bought to ${restrictedRole.name};
    create schema shadow;
    create table shadow.session (other integer);
    create table shadow.sign_in (other integer);
    create table public.owner (other integer)`);
});
afterAll(() => pool.query(`drop owned by ${restrictedRole.name}; drop role ${restrictedRole.name}`));

test.for(sampled(Object.entries(testDatabases), { every: 3 }))("S26: %s", { timeout: 60_000 }, async ([name, open]) => {
  const opened = open(url);
  try {
    if (opened.own) {
      await prepare(opened.database);
      await prepareSignIns(opened.database);
      await prepareSealed(opened.database);
    }
    const bus = opened.own ? undefined : postgresBus({ client: () => new Client({ connectionString: url }) });
    await runScenario(opened.database, `ada of ${name}`, bus);
    await runSignInScenario(opened.database, `ada of ${name}`);
    await runSealedScenario(opened.database, `ada of ${name}`);
  } finally {
    await opened.close();
  }
});

test.for(Object.entries(refusedDatabases))("S26: %s: refused in one sentence", async ([, [open, sentence]]) => {
  const { database, close } = open(url);
  const db = createKysely<Tables>(database, undefined, { connectionMs: 1_000 });
  await expect(sql`select 1`.execute(db)).rejects.toThrow(sentence);
  await close();
});

test.each(["SQL_ASCII", "LATIN1"])(
  "S26: in a database of the encoding %s all is well, or nothing begins",
  async (encoding) => {
    const own = new URL(url);
    own.pathname += `_${encoding.toLowerCase()}`;
    const name = own.pathname.slice(1);
    await pool.query(`create database ${name} template template0 encoding '${encoding}' locale 'C'`);
    const there = new Pool({ connectionString: own.href });
    there.on("error", () => {});
    if (encoding === "SQL_ASCII") {
      await prepare(there);
      await runScenario(there, "ada 🦊");
    } else await expect(prepare(there)).rejects.toThrow("encoding is LATIN1");
    await there.end();
    await pool.query(`drop database ${name} with (force)`);
  },
);

test("S26: a synchronous commit is waited for where the default is not to", async () => {
  const opened = testDatabases["a commit that does not wait"]!(url);
  const db = createKysely<Tables>(opened.database);
  const ask = sql<{ set: string }>`select current_setting('synchronous_commit') as set`;
  expect((await ask.execute(db)).rows).toEqual([{ set: "on" }]);
  expect((await db.transaction().execute((tx) => ask.execute(tx))).rows).toEqual([{ set: "on" }]);
  await opened.close();
});
