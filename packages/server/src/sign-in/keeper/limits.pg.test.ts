import { Pool } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { countRows, signIn, testKeeper } from "../../testing/sign-ins.ts";
import { freshDatabase } from "../../testing/postgres.ts";
import type { BeginResult, SignInKeeper } from "./sign-in-keeper.ts";
import type { SignInLimit } from "./context.ts";

const { pool, url } = await freshDatabase();
const isolations = ["read committed", "repeatable read", "serializable"];
const pools = isolations.map((isolation) => {
  const options = `-c default_transaction_isolation=${isolation.replace(" ", "\\ ")}`;
  return new Pool({ connectionString: url, max: 3, options });
});

beforeAll(() => testKeeper(pool).migrate());
afterAll(() => Promise.all(pools.map((each) => each.end())));

const nodesWith = (beyond: SignInLimit["beyond"]) =>
  pools.map((each) => testKeeper(each, { atMost: { perOwner: 5, beyond } }));

/** 60 sign-ins of one owner at once, over all nodes, and the most rows that were seen meanwhile. */
async function race(owner: string, nodes: readonly SignInKeeper[]) {
  let racing = true;
  let most = 0;
  const watch = async () => {
    while (racing) most = Math.max(most, await countRows(pool, owner));
  };
  const watching = watch();
  const input = { owner, factors: ["password"], device: "Firefox", place: null, current: null };
  const begun = await Promise.all(Array.from({ length: 60 }, (_, index) => nodes[index % nodes.length]!.begin(input)));
  racing = false;
  await watching;
  return { begun, most };
}

const tokensOf = (begun: readonly BeginResult[]) =>
  begun.flatMap((each) => (each.kind === "begun" ? [each.token] : []));

test("S19: of 60 racing sign-ins at a limit of five, on three nodes of three isolation levels, five are accepted and the others refused", async () => {
  const nodes = nodesWith("refuse");
  const { begun, most } = await race("ada", nodes);
  expect(most).toBe(5);
  const tokens = tokensOf(begun);
  expect(tokens).toHaveLength(5);
  expect(begun.filter((each) => each.kind === "refused")).toEqual(
    Array.from({ length: 55 }, () => ({ kind: "refused", code: "sign_in_limit" })),
  );
  for (const node of nodes) {
    for (const token of tokens) expect(await node.check(token)).toMatchObject({ kind: "live" });
  }
  // Another owner is not counted, and a place that became free is given again.
  await signIn(nodes[0]!, "grace");
  const { rows } = await nodes[1]!.list("ada");
  await nodes[1]!.end("ada", rows[0]!.publicId, "revoked");
  await signIn(nodes[2]!, "ada");
  expect((await nodes[0]!.begin({ owner: "ada", factors: [], device: "", place: null, current: null })).kind).toBe(
    "refused",
  );
});

test("S19: of 60 racing sign-ins at a limit of five, never more than five live", async () => {
  const nodes = nodesWith("end-oldest");
  const { begun, most } = await race("bob", nodes);
  expect(most).toBe(5);
  const tokens = tokensOf(begun);
  expect(tokens).toHaveLength(60);
  const fresh = testKeeper(pool);
  const checked = await Promise.all(tokens.map(async (token) => fresh.check(token)));
  expect(checked.filter(({ kind }) => kind === "live")).toHaveLength(5);
  const ends = await Promise.all(tokens.map((token) => fresh.endOf(token)));
  expect(ends.filter((end) => end?.ending === "displaced")).toHaveLength(55);
});

test("S19: a sign-in past its deadline counts no more, and a touch that comes too late does not bring it back", async () => {
  let nowMs = Date.UTC(2026, 5, 1);
  const node = testKeeper(pool, { atMost: { perOwner: 1, beyond: "refuse" }, now: () => nowMs });
  const first = await signIn(node, "carol");
  nowMs = first.signIn.endsMs - 1;
  expect((await node.check(first.token)).kind).toBe("live");
  nowMs += 1;
  const second = await signIn(
    testKeeper(pool, { atMost: { perOwner: 1, beyond: "refuse" }, now: () => nowMs }),
    "carol",
  );
  // Now the node writes the touch.
  await node.close();
  expect(await countRows(pool, "carol")).toBe(1);
  expect((await testKeeper(pool, { now: () => nowMs }).check(second.token)).kind).toBe("live");
});

test("a new proof in a signed-in browser counts for no limit, and the secret before it is out", async () => {
  const node = testKeeper(pool, { atMost: { perOwner: 1, beyond: "refuse" } });
  const first = await signIn(node, "dora");
  const proved = await signIn(node, "dora", { current: first.signIn, factors: ["passkey"] });
  expect(proved.signIn).toMatchObject({
    publicId: first.signIn.publicId,
    factors: ["passkey"],
    csrf: first.signIn.csrf,
  });
  expect((await node.check(proved.token)).kind).toBe("live");
  expect((await node.check(first.token)).kind).not.toBe("live");
  expect((await testKeeper(pool).check(first.token)).kind).not.toBe("live");
  expect((await node.history("dora")).rows.map(({ kind }) => kind)).toEqual(["proved", "signed_in"]);
});

test("a sign-in of another owner in the same browser ends the one before, in one transaction", async () => {
  const node = testKeeper(pool);
  const first = await signIn(node, "eve");
  const second = await signIn(node, "frank", { current: first.signIn });
  expect((await node.check(first.token)).kind).toBe("nobody");
  expect((await node.check(second.token)).kind).toBe("live");
  expect(await node.endOf(first.token)).toMatchObject({ ending: "replaced" });
  // The other owner's history tells nothing of who came.
  expect(JSON.stringify(await node.history("eve"))).not.toMatch(new RegExp(`frank|${second.signIn.publicId}`));
});
