import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createProjections } from "../projections/projections.ts";
import { project } from "../projections/projection.ts";
import { eventually } from "../testing/eventually.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { signIn, testKeeper } from "../testing/sign-ins.ts";
import { signInHistory } from "./sign-in-history.ts";

const { pool } = await freshDatabase();
const keeper = testKeeper(pool);
const faults: unknown[] = [];
const projections = createProjections({
  database: pool,
  onError: (fault) => void faults.push(fault),
  projections: [
    project(signInHistory(), {
      name: "seen_devices",
      handle: async (entry, { tx }) => {
        const what = entry.type === "ended" ? entry.reason : entry.type === "signal" ? entry.signal : entry.device;
        await sql`insert into seen (sign_in, number, owner, type, what)
          values (${entry.signIn}, ${entry.number}, ${entry.owner}, ${entry.type}, ${what})`.execute(tx);
      },
    }),
  ],
});

beforeAll(async () => {
  await keeper.migrate();
  await projections.migrate();
  await pool.query(`create table seen (sign_in text, number integer, owner text, type text, what text,
    primary key (sign_in, number))`);
  await projections.start();
});
afterAll(async () => {
  await projections.close();
  await keeper.close();
});

test("S22: a projection gets the entries of each sign-in in their order, typed, and each once", async () => {
  const ada = await signIn(keeper, "ada");
  const bob = await signIn(keeper, "bob", { device: "Safari on iOS" });
  await keeper.noteSignal(ada.signIn, "device_changed");
  await keeper.endAll("ada");
  await projections.caughtUp("seen_devices", "now");
  const seenOf = async (id: string) =>
    (await pool.query("select number, owner, type, what from seen where sign_in = $1 order by number", [id])).rows;
  expect(await seenOf(ada.signIn.publicId)).toEqual([
    { number: 1, owner: "ada", type: "signed_in", what: "Firefox on Linux" },
    { number: 2, owner: "ada", type: "signal", what: "device_changed" },
    { number: 3, owner: "ada", type: "ended", what: "revoked" },
  ]);
  expect(await seenOf(bob.signIn.publicId)).toEqual([
    { number: 1, owner: "bob", type: "signed_in", what: "Safari on iOS" },
  ]);
  // Only the progress of the sign-in that has ended is deleted later.
  const { rows } = await pool.query(
    "select owner_id from sessions.projection_progress where ended_at is not null order by 1",
  );
  expect(rows).toEqual([{ owner_id: "ada" }]);
  expect(faults).toEqual([]);
});

test("S22: the entries that many sign-ins write at the same time are all applied, in order", async () => {
  const owners = Array.from({ length: 20 }, (_, index) => `owner ${index}`);
  await Promise.all(
    owners.map(async (owner) => {
      const begun = await signIn(keeper, owner);
      for (const signal of ["a", "b", "c"]) await keeper.noteSignal(begun.signIn, signal);
      if (owner.endsWith("1")) await keeper.endAll(owner);
    }),
  );
  await projections.caughtUp("seen_devices", "now");
  await eventually(async () => {
    const { rows } = await pool.query(`
      select (select count(*) from sessions.sign_in_event)::integer as written, (select count(*) from seen)::integer as seen,
        (select sum(applied) from sessions.projection_progress)::integer as applied`);
    expect(rows[0]).toMatchObject({ seen: rows[0].written, applied: rows[0].written });
  });
  expect(faults).toEqual([]);
});
