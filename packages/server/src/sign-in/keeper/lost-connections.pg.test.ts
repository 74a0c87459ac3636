import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cuttingPool } from "../../testing/connections/cutting-pool.ts";
import { countRows, signIn, testKeeper } from "../../testing/sign-ins.ts";
import { freshDatabase } from "../../testing/postgres.ts";

const { pool, url } = await freshDatabase();
const cutting = cuttingPool({ connectionString: url, max: 2 });
let nowMs = Date.UTC(2026, 5, 1);
const node = testKeeper(cutting.pool, { now: () => nowMs, atMost: { perOwner: 2, beyond: "refuse" } });
const other = testKeeper(pool, { now: () => nowMs });

beforeAll(() => node.migrate());
afterAll(async () => {
  await node.close();
  await cutting.pool.end();
});

describe.each(["before", "after"] as const)("%s the commit", (when) => {
  const cut = async <T>(work: () => Promise<T>, statement = /^commit$/i): Promise<T> => {
    const before = cutting.cuts;
    cutting.cutAt(statement, when);
    const result = await work();
    expect(cutting.cuts).toBe(before + 1);
    return result;
  };

  test("S16: a connection that is lost makes one sign-in, and its token is good", async () => {
    const owner = `ada ${when}`;
    const { token } = await cut(() => signIn(node, owner));
    expect(await countRows(pool, owner)).toBe(1);
    expect((await other.check(token)).kind).toBe("live");
    expect((await node.history(owner)).rows.map(({ kind }) => kind)).toEqual(["signed_in"]);
  });

  test("S16: a connection that is lost notes one new proof, and the token that is handed out is the good one", async () => {
    const owner = `bob ${when}`;
    const { signIn: current, token: old } = await signIn(node, owner);
    const { token } = await cut(() => signIn(node, owner, { current }));
    for (const each of [node, other]) {
      expect((await each.check(token)).kind).toBe("live");
      expect((await each.check(old)).kind).not.toBe("live");
    }
    expect((await node.history(owner)).rows.map(({ kind }) => kind)).toEqual(["proved", "signed_in"]);
  });

  test("S17: a connection that is lost ends a sign-in once, says so, and lets nobody in", async () => {
    const owner = `carol ${when}`;
    const { signIn: begun, token } = await signIn(node, owner);
    const heard: unknown[] = [];
    const stop = node.onEnded((ended) => heard.push(ended));
    expect(await cut(() => node.end(owner, begun.publicId, "signed_out", begun))).toBe(true);
    stop();
    expect(heard).toEqual([{ owner, publicId: begun.publicId }]);
    expect((await node.check(token)).kind).toBe("nobody");
    expect((await node.history(owner)).rows.map(({ kind }) => kind)).toEqual(["signed_out", "signed_in"]);
    const one = await signIn(node, owner);
    await signIn(node, owner);
    expect(await cut(() => node.endOthers(one.signIn))).toBe(1);
    expect(await cut(() => node.endAll(owner))).toBe(1);
    expect(await countRows(pool, owner)).toBe(0);
  });

  test("S16: a connection that is lost moves a sign-in on to its next secret once, and ends nothing", async () => {
    const owner = `dora ${when}`;
    const { token } = await signIn(node, owner);
    nowMs += 3_600_000;
    const offered = await node.check(token);
    if (offered.kind !== "live" || offered.offer === null) throw new Error("No secret was offered.");
    const { offer } = offered;
    expect((await cut(async () => node.check(offer), /^update .*"sign_in" set "rotation"/)).kind).toBe("live");
    for (const each of [node, other]) expect((await each.check(offer)).kind).toBe("live");
    const { rows } = await pool.query("select revision from sessions.sign_in where owner_id = $1", [owner]);
    expect(rows).toEqual([{ revision: 1 }]);
  });
});
