import { randomUUID } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { visitorNamed } from "../../testing/adopting.ts";
import { requestingBrowser } from "../../testing/visits/requesting-browser.ts";
import { freshDatabase } from "../../testing/postgres.ts";
import { signIn, testKeeper } from "../../testing/sign-ins.ts";
import { recordingPool } from "../../testing/statements/statement-recorder.ts";
import { isHot, violations } from "../../testing/statements/statement-rules.ts";
import { storedKey } from "../hand-off/request-key.ts";
import { OF_VISITOR, type LiveSignIn, type SignInKeeper } from "../keeper/sign-in-keeper.ts";
import { challengeOf } from "../token/device-binding.ts";
import { GRACE_MS, OVERLAP_MS } from "../token/rotation.ts";
import { lifetimeOf } from "../lifetime.ts";

const { pool, url } = await freshDatabase();
const handed = { session: "0197f9e2-7b1c-7000-8000-000000000000", flow: "transfer", step: null };
const volatile = new Set<string>();

beforeAll(async () => {
  await testKeeper(pool).migrate();
  const { rows } = await pool.query<{ proname: string }>(
    "select proname from pg_proc where provolatile = 'v' or (provolatile = 's' and pronargs = 0)",
  );
  for (const { proname } of rows) volatile.add(proname);
});

/** The sign-in adopts visitors, with each statement that their values need. One visitor is left. */
async function adoptValues(node: SignInKeeper, signIn: LiveSignIn, tick: () => number): Promise<void> {
  const { owner } = signIn;
  const change = (base: number, text: string | null) => ({ base, text, change: randomUUID() });
  await node.changeData({ owner, signIn: null, key: "removed" }, change(0, "1"));
  await node.changeData({ owner, signIn: null, key: "removed" }, change(1, null));
  // One more than wait beside one value.
  for (let count = 0; count <= 12; count += 1) {
    const visitor = visitorNamed(`${owner} ${count} ${tick()}`);
    for (const key of ["theme", "removed", `new ${count}`]) {
      await node.changeData({ owner: visitor, signIn: null, key }, change(0, `"${count}"`));
    }
    await node.changeData({ owner: visitor, signIn: OF_VISITOR, key: "color" }, change(0, `"${count}"`));
    if (count < 12) expect(await node.adopt(signIn, [visitor])).toEqual(new Set([visitor]));
    if (count < 12) expect(await node.readData({ owner: visitor, signIn: null, key: "theme" })).toBeNull();
  }
  const place = { owner, signIn: null, key: "theme" };
  const waiting = await node.listDataConflicts(place);
  expect(waiting.map(({ text }) => text)).toEqual(Array.from({ length: 10 }, (_, index) => `"${index + 2}"`));
  const { version } = (await node.readData(place))!;
  await node.changeData(place, { ...change(version, "2"), resolves: waiting.map(({ id }) => id) });
  expect(await node.listDataConflicts(place)).toEqual([]);
}

describe.each(["postgres", "citus"] as const)("on %s", (databaseKind) => {
  test("every statement of sign-ins names its owner in each part, and no clock, volatile function or notification", async () => {
    const { pool: recorded, sent } = recordingPool({ connectionString: url });
    let nowMs = Date.now();
    const clocks = { now: () => nowMs, elapsedMs: () => nowMs };
    const rotateMs = 3_600_000;
    const node = testKeeper(recorded, {
      ...clocks,
      databaseKind,
      rotateMs,
      lifetime: lifetimeOf({ idle: "6h", absolute: "30d" }),
      atMost: { perOwner: 2, beyond: "end-oldest" },
    });
    const owner = `ada on ${databaseKind}`;
    const begun = await signIn(node, owner);
    nowMs += rotateMs;
    const checked = await node.check(begun.token);
    if (checked.kind !== "live" || checked.offer === null) throw new Error("No secret was offered.");
    await node.check(checked.offer);
    nowMs += OVERLAP_MS;
    await node.check(checked.offer);
    await node.noteSignal(begun.signIn, "place_changed");
    nowMs += GRACE_MS;
    await node.check(begun.token);
    await node.endOf(begun.token);
    const one = await signIn(node, owner);
    await signIn(node, owner, { current: one.signIn });
    await signIn(node, `${owner}, too`, { current: one.signIn });
    for (let count = 0; count < 3; count += 1) await signIn(node, owner);
    const { signIn: bound } = await signIn(node, owner);
    const { publicId } = bound;
    const binding = (await node.bindDevice(bound, Buffer.alloc(64, 1).toString("base64url")))!;
    await node.renewDevice(bound, challengeOf(binding, publicId, nowMs));
    const change = { text: "1", change: "7d3c0f6e-1f7c-4c55-9a4a-5f7f0ad1f0e1" };
    for (const place of [null, publicId].map((id) => ({ owner, signIn: id, key: "theme" }))) {
      await node.readData(place);
      for (const base of [0, 1]) await node.changeData(place, { ...change, base });
    }
    await adoptValues(node, bound, () => (nowMs += 1));
    const { next } = await node.list(owner, { limit: 1 });
    await node.list(owner, { after: next! });
    const history = await node.history(owner, { limit: 1 });
    await node.history(owner, { after: history.next! });
    await node.end(owner, (await node.list(owner)).rows[0]!.publicId, "revoked");
    const [phone, browser] = [(await signIn(node, owner)).signIn, await requestingBrowser()];
    const publicKey = storedKey(browser.publicKey)!;
    const { letters } = await node.handOffs.offer(owner, handed);
    for (const typed of [letters, "CDFGHJKM"]) await node.handOffs.find(owner, typed, "192.0.2.1");
    for (const number of ["right", "wrong"]) {
      const asked = await node.handOffs.ask({ publicKey, device: "Tab", place: null, address: "192.0.2.1" });
      if (asked.kind !== "asked") throw new Error("Too many ask.");
      await node.handOffs.look(asked.code);
      await node.handOffs.approve(phone, { ...asked, number: number === "right" ? asked.number : 100, handed });
      for (let count = 0; count < 2; count += 1) {
        await node.handOffs.claim(asked.id, await browser.sign(asked.challenge), null);
      }
      await node.handOffs.claim(asked.id, "", null);
    }
    await node.endOthers((await signIn(node, owner)).signIn);
    await node.endAll(owner);
    await signIn(node, owner);
    await node.endEverybody();
    const swept = await signIn(node, owner);
    nowMs += 5 * rotateMs;
    await node.check(swept.token);
    await node.close();
    const sweeping = testKeeper(recorded, { ...clocks, databaseKind });
    nowMs += 3 * rotateMs;
    await sweeping.sweep();
    nowMs += 30 * 24 * rotateMs;
    await sweeping.sweep();
    nowMs += 430 * 24 * rotateMs;
    await sweeping.sweep();
    await recorded.end();

    const texts = [...new Set(sent.map(({ text }) => text))];
    const isVolatile = (name: string) => volatile.has(name);
    const hot: string[] = [];
    for (const text of texts) {
      if (await isHot(text, "sessions")) hot.push(text);
      const found = await violations(text, { schema: "sessions", isVolatile, batches: databaseKind === "postgres" });
      expect(found, text).toEqual([]);
    }
    expect(hot.length).toBeGreaterThanOrEqual(22);
    for (const table of [
      "sign_in",
      "sign_in_archive",
      "sign_in_event",
      "owner",
      "visit_data",
      "visit_data_conflict",
      "hand_off_request",
      "hand_off_offer",
      "hand_off_try",
    ]) {
      expect(hot.some((text) => new RegExp(`sessions"?\\."?${table}\\b`).test(text))).toBe(true);
    }
  });
});
