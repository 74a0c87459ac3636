import { Client } from "pg";
import { beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { postgresBus } from "../bus/postgres-bus.ts";
import type { SignInKeeperOptions } from "../sign-in/keeper/database-keeper.ts";
import type { SignInKeeper } from "../sign-in/keeper/sign-in-keeper.ts";
import { tokenText } from "../sign-in/token/token.ts";
import { interruptedRun, sessionsOn } from "../testing/cli.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { signIn, testKeeper } from "../testing/sign-ins.ts";

const { pool, url } = await freshDatabase();
const sessions = (...words: readonly string[]) => sessionsOn(url, ...words);
const signIns = (...words: readonly string[]) => sessions("sign-ins", ...words);

/** A node that believes its cache for an hour, unless the bus tells it of a change. */
function listeningNode(options: Partial<SignInKeeperOptions> = {}): SignInKeeper {
  const bus = postgresBus({ client: () => new Client({ connectionString: url }) });
  const node = testKeeper(pool, { bus, leaseMs: 3_600_000, ...options });
  onTestFinished(() => node.close());
  return node;
}

beforeAll(() => sessions("migrate", "--sign-ins"));
beforeEach(async () => {
  await pool.query(
    "delete from sessions.sign_in; delete from sessions.sign_in_archive; delete from sessions.sign_in_event",
  );
});

test("an application without sign-ins has no tables of them, and is told how to make them", async () => {
  const other = ["--schema", "other"];
  await sessions("migrate", ...other);
  const says = 'The schema "other" has no tables of sign-ins: run `sessions migrate --sign-ins --schema other`.\n';
  expect(await signIns("list", "--owner", "ada", ...other)).toEqual({ code: 1, stdout: "", stderr: says });
  expect((await sessions("status", "--json", ...other)).stdout).toContain('"signIns":null');
  expect(await sessions("migrate", "--dry-run", "--sign-ins", ...other)).toMatchObject({
    stdout: "Would run 0001_sign_ins\n",
  });
  await sessions("migrate", "--sign-ins", ...other);
  expect(await signIns("list", "--owner", "ada", ...other)).toMatchObject({
    code: 0,
    stdout: "Nobody is signed in as this owner.\n",
  });
});

test("an application with sign-ins alone is shown, swept and verified without tables of sessions", async () => {
  const node = testKeeper(pool, { schema: "alone" });
  onTestFinished(() => node.close());
  await node.migrate();
  await signIn(node, "ada");
  const alone = ["--schema", "alone"];
  expect(await sessions("status", ...alone)).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^Sign-ins +1\n/),
  });
  expect(await sessions("sweep", "--dry-run", ...alone)).toMatchObject({ code: 0 });
  expect(await sessions("sweep", ...alone)).toMatchObject({ code: 0, stdout: "Ended 0 sessions and 0 sign-ins.\n" });
  const verified = { code: 0, stdout: "0 sessions and 1 sign-in are whole.\n" };
  expect(await sessions("verify", ...alone)).toMatchObject(verified);
  const { code, stdout } = await sessions("partitions", ...alone);
  expect([code, stdout]).toEqual([0, expect.stringContaining("sign_in_archive_")]);
  const none = await sessions("status", "--schema", "none");
  expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining("run `sessions migrate") });
});

test("once the tables are there, a plain migrate brings them up to date", async () => {
  await pool.query("alter table sessions.sign_in_migration rename to hidden");
  onTestFinished(() => pool.query("alter table sessions.hidden rename to sign_in_migration").then(() => {}));
  await pool.query("create table sessions.sign_in_migration (like sessions.hidden)");
  onTestFinished(() => pool.query("drop table sessions.sign_in_migration").then(() => {}));
  expect(await sessions("migrate", "--dry-run")).toMatchObject({ stdout: "Would run 0001_sign_ins\n" });
  const outdated = 'The schema "sessions" lacks tables of this version: run `sessions migrate`.\n';
  expect(await signIns("list", "--owner", "ada")).toMatchObject({ code: 1, stderr: outdated });
  expect(await sessions("status")).toMatchObject({ code: 1, stderr: outdated });
});

test("list shows where an owner is signed in, and nothing that a terminal obeys or a thief can use", async () => {
  const node = testKeeper(pool);
  onTestFinished(() => node.close());
  const { signIn: own, token } = await signIn(node, "ada", { device: "Firefox\u001B[2J on Linux" });
  await signIn(node, "grace", {});
  const { stdout } = await signIns("list", "--owner", "ada");
  expect(stdout.split("\n")).toEqual([
    expect.stringMatching(
      new RegExp(
        `^${own.publicId}  Firefox�\\[2J on Linux, BE  since \\S+Z, last used \\S+Z, until \\S+Z, by password$`,
      ),
    ),
    "",
  ]);
  const json = await signIns("list", "--owner", "ada", "--json");
  expect(JSON.parse(json.stdout)).toMatchObject({ owner: "ada", signIns: [{ id: own.publicId, place: "BE" }] });
  for (const part of tokenText(token).split(".").slice(1)) {
    if (part.length > 5) expect(stdout + json.stdout).not.toContain(part);
  }
});

test("S17: a node with a warm cache refuses a sign-in once an operator has ended it", async () => {
  const node = listeningNode();
  const [phone, laptop] = [await signIn(node, "ada"), await signIn(node, "ada")];
  expect(await node.check(phone.token)).toMatchObject({ kind: "live" });
  const heard = new Promise((resolve) => node.onEnded(resolve));
  expect(await signIns("revoke", "--owner", "ada", "--id", phone.signIn.publicId)).toEqual({
    code: 0,
    stdout: "Ended 1 sign-in.\n",
    stderr: "",
  });
  expect(await heard).toEqual({ owner: "ada", publicId: phone.signIn.publicId });
  expect(await node.check(phone.token)).toEqual({ kind: "nobody" });
  expect(await node.check(laptop.token)).toMatchObject({ kind: "live" });
  expect(await node.endOf(phone.token)).toMatchObject({ ending: "revoked" });
});

test("revoke --owner ends all of one owner, and an id of another owner is none", async () => {
  const node = listeningNode();
  const [ada] = [await signIn(node, "ada"), await signIn(node, "ada")];
  const grace = await signIn(node, "grace");
  expect(await signIns("revoke", "--owner", "grace", "--id", ada.signIn.publicId)).toEqual({
    code: 1,
    stdout: "",
    stderr: "The owner has no such sign-in. It may have ended already.\n",
  });
  expect(await signIns("revoke", "--owner", "ada", "--dry-run")).toMatchObject({ stdout: "Would end 2 sign-ins.\n" });
  expect(await signIns("revoke", "--owner", "ada", "--json")).toMatchObject({ stdout: '{"dryRun":false,"ended":2}\n' });
  expect(await signIns("list", "--owner", "ada")).toMatchObject({ stdout: "Nobody is signed in as this owner.\n" });
  expect(await node.check(grace.token)).toMatchObject({ kind: "live" });
});

test("revoke --all signs everybody out, only if the operator says --yes", async () => {
  const node = listeningNode();
  const all = [await signIn(node, "ada"), await signIn(node, "grace")];
  expect(await signIns("revoke", "--all", "--dry-run", "--json")).toMatchObject({
    stdout: '{"dryRun":true,"rows":2,"exact":true}\n',
  });
  expect(await signIns("revoke", "--all")).toMatchObject({ code: 2, stderr: expect.stringContaining("--yes") });
  for (const { token } of all) expect(await node.check(token)).toMatchObject({ kind: "live" });
  const heard = new Promise((resolve) => node.onEnded(resolve));
  expect(await signIns("revoke", "--all", "--yes")).toMatchObject({ code: 0, stdout: "Ended 2 sign-ins.\n" });
  expect(await heard).toBe("everybody");
  for (const { token } of all) expect(await node.check(token)).toEqual({ kind: "nobody" });
});

test("revoke --all that is interrupted has signed everybody out, and says not to run it again", async () => {
  const node = listeningNode();
  const { token } = await signIn(node, "ada");
  const heard = new Promise((resolve) => node.onEnded(resolve));
  const { code, stderr } = await interruptedRun(url, "sign-ins", "revoke", "--all", "--yes");
  expect(code).toBe(130);
  expect(stderr.split("\r\u001b[K")).toEqual([
    "",
    "0 ended",
    "Interrupted. Everybody is signed out. The nodes' sweeps move the rest of the rows: do not run it again.\n",
  ]);
  await heard;
  expect(await node.check(token)).toEqual({ kind: "nobody" });
});

test("list shows no sign-in that has ended with everybody's, before its row has moved", async () => {
  const node = testKeeper(pool);
  onTestFinished(() => node.close());
  await signIn(node, "ada");
  await pool.query(
    `insert into sessions.owner (owner_id, created_at, revocation_epoch) values ('', now(), 1)
     on conflict (owner_id) do update set revocation_epoch = owner.revocation_epoch + 1`,
  );
  expect(await signIns("list", "--owner", "ada")).toMatchObject({ stdout: "Nobody is signed in as this owner.\n" });
  await signIn(node, "ada");
  expect((await signIns("list", "--owner", "ada")).stdout.split("\n")).toHaveLength(2);
});

test("revoke takes one of --owner and --all, and --id with an owner only", async () => {
  const told = await Promise.all([
    signIns("revoke"),
    signIns("revoke", "--owner", "ada", "--all"),
    signIns("revoke", "--all", "--id", "01890a5d-ac96-774b-bcce-b302099a8057"),
    signIns("revoke", "--owner", "ada", "--id", "none"),
    signIns("list"),
  ]);
  for (const { code, stdout, stderr } of told) {
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: "", stderr: expect.stringMatching(/^error: /) });
  }
});

test("status counts sign-ins, sweep ends those that are due, and partitions lists their months", async () => {
  let nowMs = Date.now() - 30 * 3_600_000;
  const node = testKeeper(pool, { now: () => nowMs });
  onTestFinished(() => node.close());
  await signIn(node, "ada");
  nowMs = Date.now();
  await signIn(node, "grace");
  expect((await sessions("status")).stdout).toContain("Sign-ins            2\n");
  expect(await sessions("sweep", "--dry-run")).toMatchObject({ stdout: "Would end 0 sessions and 1 sign-in.\n" });
  expect(await sessions("sweep", "--json")).toMatchObject({ stdout: '{"dryRun":false,"ended":0,"signIns":1}\n' });
  expect(JSON.parse((await sessions("status", "--json")).stdout)).toMatchObject({
    signIns: { rows: { rows: 1, exact: true } },
  });
  const { stdout } = await sessions("partitions", "--ahead", "1");
  expect(stdout).toMatch(/^sign_in_archive_\d{4}_\d{2} {2}\d+ rows$/m);
});

test("verify checks sign-ins against their histories, and names the first that is broken", async () => {
  const node = testKeeper(pool);
  onTestFinished(() => node.close());
  const { signIn: current } = await signIn(node, "ada");
  await signIn(node, "ada", { current });
  await node.end("ada", current.publicId, "signed_out", current);
  const { signIn: own } = await signIn(node, "ada");
  expect(await sessions("verify")).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/ and \d+ sign-ins are whole/),
  });
  const changes = [
    [current.publicId, 2, "has an entry 2 that was changed, or lacks it"],
    [own.publicId, 1, "has an entry 1 that was changed, or lacks it"],
  ] as const;
  for (const [id, entry, reason] of changes) {
    const where = `where sign_in_id = '${id}' and entry = ${entry}`;
    const { rows } = await pool.query<{ body: string }>(`select body::text from sessions.sign_in_event ${where}`);
    await pool.query(
      `update sessions.sign_in_event set body = jsonb_set(body::jsonb, '{device}', '"forged"') ${where}`,
    );
    const { code, stdout } = await sessions("verify", "--json");
    expect({ code, broken: (JSON.parse(stdout) as { signIns: object }).signIns }).toMatchObject({
      code: 1,
      broken: { broken: { signIn: id, reason } },
    });
    expect(stdout).not.toMatch(/forged|ada/);
    await pool.query(`update sessions.sign_in_event set body = $1 ${where}`, [rows[0]!.body]);
  }
  await pool.query(`update sessions.sign_in set hash = '\\x00' where id = '${own.publicId}'`);
  expect(await sessions("verify")).toMatchObject({
    code: 1,
    stdout: expect.stringContaining(`Sign-in ${own.publicId} has another hash than its entry 1.`),
  });
});
