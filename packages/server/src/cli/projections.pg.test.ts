import { v7 as uuidv7 } from "uuid";
import { afterAll, expect, test } from "vitest";
import { createTimedProjections, type Projections } from "../projections/projections.ts";
import { sessionsOn } from "../testing/cli.ts";
import { eventually } from "../testing/eventually.ts";
import { addToFold, foldOf, wrongStreams } from "../testing/projections/fold.ts";
import { append, createLog } from "../testing/projections/log.ts";
import { freshDatabase } from "../testing/postgres.ts";

const { pool, url } = await freshDatabase();
const projections = (...words: readonly string[]) => sessionsOn(url, "projections", ...words);
const broken = { isBroken: true };
const node: Projections = createTimedProjections(
  {
    database: pool,
    projections: [
      foldOf({
        handleBatch: async (entries, context) => {
          if (broken.isBroken && entries.some(({ value }) => value === 13)) throw new RangeError("Secret");
          await addToFold(entries, context);
        },
      }),
    ],
    onError: () => {},
  },
  { pollMs: 50 },
);
const [ada, bob] = [uuidv7(), uuidv7()];

test("an application without projections has no tables of them, and is told how to make them", async () => {
  const before = await projections("list");
  expect(before).toMatchObject({ code: 1, stdout: "" });
  expect(before.stderr).toContain("sessions migrate --projections");
  expect(await sessionsOn(url, "migrate", "--projections")).toMatchObject({ code: 0 });
  expect(await projections("list")).toMatchObject({ code: 0, stdout: "There are no projections.\n" });
});

afterAll(() => node.close());

test("an operator sees how projections stand and what waits, tries an entry again, and skips another", async () => {
  await createLog(pool);
  await append(pool, "ada", ada, 1, [1, 13, 2]);
  await append(pool, "bob", bob, 1, [1, 13]);
  await node.start();
  await eventually(async () => expect(await node.faults("fold")).toHaveLength(2));
  await node.caughtUp("fold", "now");
  expect((await projections("list")).stdout).toMatch(
    /^fold {2}version 1 {2}live {2}0 entries behind, 0\.0 s {2}2 waiting\n$/,
  );
  expect(JSON.parse((await projections("list", "--json")).stdout)).toMatchObject({
    projections: [{ projection: "fold", build: 1, isLive: true, waiting: 2, scan: null }],
  });
  const listed = await projections("list", "fold");
  expect(listed.stdout).toContain(`ada  ${ada}  entry 2  RangeError`);
  expect(listed.stdout).not.toContain("Secret");

  expect(await projections("skip", "fold", "--why", "x")).toMatchObject({ code: 2 });
  const skip = ["skip", "fold", "--owner", "bob", "--session", bob, "--why", "never right", "--who", "grace"];
  expect(await projections(...skip)).toMatchObject({ code: 0, stdout: "Skipped entry 2.\n" });
  await eventually(async () => expect(await node.faults("fold")).toHaveLength(1));
  expect(await projections(...skip)).toMatchObject({ code: 1 });

  broken.isBroken = false;
  expect(JSON.parse((await projections("retry", "fold", "--why", "mended", "--json")).stdout)).toEqual({
    projection: "fold",
    retried: 1,
  });
  await eventually(async () => expect(await wrongStreams(pool)).toMatchObject([{ stream: bob }]));
  const { rows } = await pool.query("select owner_id, action, why from sessions.projection_audit order by at");
  expect(rows).toEqual([
    { owner_id: "bob", action: "skip", why: "never right" },
    { owner_id: "ada", action: "retry", why: "mended" },
  ]);
});

test("a projection without tables of its own is not rebuilt, and one that is not there is named", async () => {
  expect(await projections("rebuild", "fold")).toMatchObject({ code: 2 });
  expect((await projections("rebuild", "none")).stderr).toContain('no projection named "none"');
});
