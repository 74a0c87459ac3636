import { beforeAll, expect, onTestFinished, test } from "vitest";
import { reading, testActivity } from "../testing/activity/activities.ts";
import { sessionsOn } from "../testing/cli.ts";
import { eventually } from "../testing/eventually.ts";
import { freshDatabase } from "../testing/postgres.ts";

const { pool, url } = await freshDatabase();
const sessions = (...words: readonly string[]) => sessionsOn(url, ...words);
const activity = (...words: readonly string[]) => sessions("activity", ...words);
const jsonOf = async (...words: readonly string[]) =>
  JSON.parse((await activity(...words, "--json")).stdout) as Record<string, unknown>;

beforeAll(async () => {
  await sessions("migrate", "--activity");
  const node = testActivity(pool);
  await node.start();
  const at = Date.now() - 60_000;
  await node.record("ada", "post_opened", { post: "typed-by-a-person", seconds: 7 }, { at });
  await eventually(async () => {
    if ((await node.current("ada", reading)) === null) throw new Error("It is not built yet.");
  });
  await node.close();
});

test("an application without activities is told how to make their tables", async () => {
  const other = ["--schema", "other"];
  await sessions("migrate", ...other);
  const says = 'The schema "other" has no tables of activities: run `sessions migrate --activity --schema other`.\n';
  expect(await activity("status", ...other)).toEqual({ code: 1, stdout: "", stderr: says });
  expect(await sessions("migrate", "--activity", "--dry-run", ...other)).toMatchObject({
    stdout: expect.stringContaining("Would run 0001_activity\n"),
  });
});

test("`status` names the activities, and says what is stored and what waits", async () => {
  const { code, stdout } = await activity("status");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Activities +likes, reading\nEvents +1\nEvents that wait +0, .*\nActivity sessions +1 that/);
  expect(await jsonOf("status")).toMatchObject({
    activities: [{ name: "likes" }, { name: "reading", gapMs: 3_600_000, counters: { posts: { kind: "count" } } }],
    events: { rows: 1, exact: true },
    waiting: { events: 0, exact: true, lagMs: 0 },
    active: { rows: 1 },
    ended: { rows: 0 },
  });
});

test("S11: `list` shows numbers to a person at a shell, and values in JSON alone", async () => {
  const { stdout } = await activity("list", "--owner", "ada", "--activity", "reading");
  expect(stdout).toMatch(/^\S+Z to \S+Z {2}1 events {2}posts 1 {2}different 1 {2}seconds 7 {2}likes 0 {2}open\n$/);
  expect(await jsonOf("list", "--owner", "ada", "--activity", "reading")).toMatchObject({
    sessions: [{ events: 1, isOpen: true, counts: { posts: 1, entered: "typed-by-a-person" } }],
  });
  expect((await activity("list", "--owner", "bob", "--activity", "reading")).stdout).toBe(
    "This owner has no activity session.\n",
  );
  expect(await activity("list", "--owner", "ada", "--activity", "writing")).toMatchObject({ code: 1, stdout: "" });
});

test("`partitions` makes months ahead, and drops old events and old activity sessions each by its own rule", async () => {
  await pool.query(`create table sessions.activity_event_2020_01 partition of sessions.activity_event
    for values from ('2020-01-01Z') to ('2020-02-01Z')`);
  await pool.query(`create table sessions.activity_session_archive_2020_01 partition of sessions.activity_session_archive
    for values from ('2020-01-01Z') to ('2020-02-01Z')`);
  const dropped = ["activity_event_2020_01"];
  expect(await jsonOf("partitions", "--keep-events", "2 months", "--dry-run")).toMatchObject({ dryRun: true, dropped });
  expect(await jsonOf("partitions", "--keep-events", "2 months", "--ahead", "5")).toMatchObject({
    dropped,
    made: expect.arrayContaining([expect.stringMatching(/^activity_event_\d{4}_\d\d$/)]),
    partitions: expect.arrayContaining(["activity_session_archive_2020_01"]),
  });
  expect(await jsonOf("partitions", "--keep-sessions", "12 months")).toMatchObject({
    dropped: ["activity_session_archive_2020_01"],
  });
  const node = testActivity(pool);
  onTestFinished(() => node.close());
  expect((await node.list("ada", reading)).sessions).toHaveLength(1);
});
