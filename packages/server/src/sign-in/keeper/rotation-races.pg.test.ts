import { Pool } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Random } from "../../testing/random.ts";
import { signIn, testKeeper } from "../../testing/sign-ins.ts";
import { freshDatabase } from "../../testing/postgres.ts";
import { lifetimeOf } from "../lifetime.ts";
import { GRACE_MS, HANG_MS, OVERLAP_MS } from "../token/rotation.ts";
import { tokenText, type Token } from "../token/token.ts";
import type { CheckResult, SignInKeeper } from "./sign-in-keeper.ts";

const { pool, url } = await freshDatabase();
const rotateMs = 3_600_000;
let nowMs = Date.UTC(2026, 5, 1);
const random = new Random(16);
const pools = Array.from({ length: 3 }, () => new Pool({ connectionString: url, max: 3 }));
const options = { now: () => nowMs, elapsedMs: () => nowMs, rotateMs, lifetime: lifetimeOf("aal1") };
const nodes = pools.map((each) => testKeeper(each, options));

beforeAll(() => nodes[0]!.migrate());
afterAll(async () => {
  for (const node of nodes) await node.close();
  for (const each of pools) await each.end();
});

const atOnce = (count: number, choose: (index: number) => Token, on: readonly SignInKeeper[] = nodes) =>
  Promise.all(Array.from({ length: count }, async (_, index) => on[index % on.length]!.check(choose(index))));

const offersOf = (checked: readonly CheckResult[]) =>
  checked.flatMap((each) => (each.kind === "live" && each.offer !== null ? [each.offer] : []));

const secretOf = ({ generation, secret }: Token) => `${generation} ${Buffer.from(secret).toString("hex")}`;

test("S16: of 50 requests at the instant of rotation, with replies dropped at random, none is signed out", async () => {
  const { token } = await signIn(nodes[0]!, "ada");
  let jar = token;
  for (let round = 1; round <= 5; round += 1) {
    nowMs += rotateMs + OVERLAP_MS;
    // A browser settles on one branch before the next secret is due.
    expect(await atOnce(1, () => jar)).toMatchObject([{ kind: "live" }]);
    nowMs += 1_000;
    const held = jar;
    const checked = await atOnce(50, () => held);
    expect(checked.map(({ kind }) => kind)).toEqual(Array.from({ length: 50 }, () => "live"));
    const offers = offersOf(checked);
    expect(new Set(offers.map(secretOf)).size).toBe(1);
    expect(offers[0]!.generation).toBe(held.generation + 1);
    const delivered = offers.filter(() => random.next() > 0.3);
    jar = random.pick(delivered);
    // Some requests were sent before the reply arrived, and some with any of the branches that arrived.
    const mixed = await atOnce(50, (index) => (index % 2 === 0 ? held : random.pick(delivered)));
    expect(mixed.map(({ kind }) => kind)).toEqual(Array.from({ length: 50 }, () => "live"));
    expect(new Set(offersOf(mixed).map(secretOf)).size).toBeLessThanOrEqual(1);
  }
  const { rows } = await pool.query(
    "select count(*)::int as ended from sessions.sign_in_archive where owner_id = 'ada'",
  );
  expect(rows).toEqual([{ ended: 0 }]);
});

test("S18: a secret that was replaced too long ago ends the sign-in on every node, once, and each holder hears why", async () => {
  const { token: stolen } = await signIn(nodes[0]!, "grace");
  nowMs += rotateMs;
  const [offer] = offersOf([await nodes[0]!.check(stolen)]);
  expect((await nodes[1]!.check(offer!)).kind).toBe("live");
  nowMs += OVERLAP_MS;
  // Binds the branch, so the old secret is replaced for good.
  expect((await nodes[1]!.check(offer!)).kind).toBe("live");
  expect((await nodes[2]!.check(stolen)).kind).toBe("superseded");
  nowMs += GRACE_MS + HANG_MS;
  expect((await nodes[1]!.check(offer!)).kind).toBe("live");
  const checked = await atOnce(12, () => stolen);
  expect(checked.map(({ kind }) => kind)).toEqual(Array.from({ length: 12 }, () => "nobody"));
  nowMs += 10_000;
  for (const node of nodes) {
    expect((await node.check(offer!)).kind).toBe("nobody");
    for (const each of [offer!, stolen]) expect(await node.endOf(each)).toMatchObject({ ending: "secret_reused" });
  }
  const history = await nodes[0]!.history("grace");
  expect(history.rows.map(({ kind }) => kind)).toEqual(["secret_reused", "signed_in"]);
  expect(JSON.stringify(history)).not.toContain(tokenText(stolen).split(".")[1]);
});

test("a forged secret of any generation is nobody, and ends nothing", async () => {
  const { token } = await signIn(nodes[0]!, "forged");
  for (const generation of [0, 1, 2, 70]) {
    const forged = { ...token, generation, secret: Buffer.alloc(32, generation) };
    for (const node of nodes) expect((await node.check(forged)).kind).toBe("nobody");
  }
  for (const node of nodes) {
    expect((await node.check({ ...token, owner: "ada\0" })).kind).toBe("nobody");
    expect((await node.check(token)).kind).toBe("live");
  }
});
