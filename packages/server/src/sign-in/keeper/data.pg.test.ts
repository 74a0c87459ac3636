import { randomUUID } from "node:crypto";
import { Pool } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { signIn, testKeeper } from "../../testing/sign-ins.ts";
import { emptyPGlite } from "../../testing/pglite.ts";
import { freshDatabase } from "../../testing/postgres.ts";
import type { DataPlace, SignInKeeper } from "./sign-in-keeper.ts";

const { pool, url } = await freshDatabase();
const poolOfOther = new Pool({ connectionString: url });
const pglite = await emptyPGlite();
const nodes = {
  postgres: [testKeeper(pool), testKeeper(poolOfOther)],
  pglite: [testKeeper(pglite), testKeeper(pglite)],
} as const;

beforeAll(async () => {
  for (const [node] of Object.values(nodes)) await node.migrate();
});
afterAll(async () => {
  for (const node of Object.values(nodes).flat()) await node.close();
  await poolOfOther.end();
  await pglite.close();
});

/** Counts up by one, from what is read. */
async function countUp(node: SignInKeeper, place: DataPlace): Promise<void> {
  for (;;) {
    const { version, text } = (await node.readData(place))!;
    const change = { base: version, text: String(Number(text ?? 0) + 1), change: randomUUID() };
    if ((await node.changeData(place, change)).kind === "changed") return;
  }
}

describe.each(["postgres", "pglite"] as const)("on %s", (kind) => {
  const [node, other] = nodes[kind];

  test("of changes of one value at once, on two nodes, none is lost", async () => {
    const place = { owner: "ada", signIn: null, key: "count" };
    await Promise.all(Array.from({ length: 20 }, (_, index) => countUp(index % 2 === 0 ? node : other, place)));
    expect(await other.readData(place)).toMatchObject({ version: 20, text: "20" });
    expect(await other.readData({ ...place, owner: "eve" })).toEqual({ version: 0, text: null, change: null });
  });

  test("a change that is sent again is made once, and a removed value keeps its version", async () => {
    const place = { owner: "grace", signIn: null, key: "cart" };
    const change = { base: 0, text: '{"items":[]}', change: randomUUID() };
    expect(await node.changeData(place, change)).toEqual({ kind: "changed", version: 1 });
    expect(await other.changeData(place, change)).toEqual({ kind: "changed", version: 1 });
    const removal = { base: 1, text: null, change: randomUUID() };
    expect(await other.changeData(place, removal)).toEqual({ kind: "changed", version: 2 });
    expect(await node.changeData(place, { ...change, change: randomUUID() })).toEqual({
      kind: "conflict",
      stored: { version: 2, text: null, change: removal.change },
    });
  });

  test("values of a sign-in are its own, and go with it, whatever is written meanwhile", async () => {
    const owner = `alan on ${kind}`;
    const [one, two] = [(await signIn(node, owner)).signIn, (await signIn(node, owner)).signIn];
    const placeOf = ({ publicId }: { publicId: string }) => ({ owner, signIn: publicId, key: "theme" });
    const dark = () => ({ base: 0, text: '"dark"', change: randomUUID() });
    await node.changeData(placeOf(one), dark());
    expect(await other.readData(placeOf(two))).toMatchObject({ version: 0 });

    const writes = Array.from({ length: 8 }, () => other.changeData(placeOf(two), dark()));
    await Promise.all([...writes, node.end(owner, two.publicId, "revoked")]);
    expect(await node.readData(placeOf(two))).toMatchObject({ version: 0 });
    expect(await node.changeData(placeOf(two), dark())).toEqual({ kind: "signed_out" });
    expect(await node.readData(placeOf(one))).toMatchObject({ text: '"dark"' });
    await node.endAll(owner);
    expect(await node.readData(placeOf(one))).toMatchObject({ version: 0 });
  });
});
