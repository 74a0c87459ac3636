import { Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requestingBrowser, type RequestingBrowser } from "../../../testing/visits/requesting-browser.ts";
import { emptyPGlite } from "../../../testing/pglite.ts";
import { freshDatabase } from "../../../testing/postgres.ts";
import { signIn, testKeeper } from "../../../testing/sign-ins.ts";
import { storedKey } from "../../hand-off/request-key.ts";
import { lifetimeOf } from "../../lifetime.ts";
import { MAX_GUESTS, REQUEST_MS } from "./guest-requests.ts";
import type { AskedRequest } from "./hand-off-keeper.ts";
import type { LiveSignIn, SignInKeeper } from "../sign-in-keeper.ts";

const { pool, url } = await freshDatabase();
const otherPools = [new Pool({ connectionString: url }), new Pool({ connectionString: url })] as const;
const pglite = await emptyPGlite();
let nowMs = Date.UTC(2026, 5, 1);
const options = { now: () => nowMs, elapsedMs: () => nowMs, lifetime: lifetimeOf("aal1") };
afterAll(async () => {
  for (const other of otherPools) await other.end();
  await pglite.close();
});

describe.each([
  ["PostgreSQL", [pool, ...otherPools]],
  ["PGlite", [pglite, pglite, pglite]],
] as const)("on %s", (name, databases) => {
  const nodes = databases.map((database) => testKeeper(database, options));
  const [node, otherNode] = nodes as [SignInKeeper, SignInKeeper];
  beforeAll(() => node.migrate());
  afterAll(() => Promise.all(nodes.map((each) => each.close())));

  // PGlite has one connection, on which nothing races.
  const many = name === "PGlite" ? 20 : 100;
  const place = () => ({ session: uuidv7(), flow: "transfer", step: "amount" });

  async function ask(browser: RequestingBrowser, address: string | null = null): Promise<AskedRequest> {
    const publicKey = storedKey(browser.publicKey)!;
    const asked = await node.handOffs.ask({ publicKey, device: "Firefox on Linux", place: "BE", address });
    if (asked.kind !== "asked") throw new Error("Too many ask.");
    return asked;
  }

  /** A browser that asks, and a phone that is signed in. */
  async function atTheScreen() {
    const owner = uuidv7();
    const [phone, browser] = [
      (await signIn(node, owner, { device: "Safari on iPhone" })).signIn,
      await requestingBrowser(),
    ];
    nowMs += 1;
    const asked = await ask(browser);
    const handed = place();
    return {
      owner,
      phone,
      asked,
      handed,
      approve: (by: LiveSignIn = phone, number = asked.number) =>
        otherNode.handOffs.approve(by, { code: asked.code, number, handed }),
      claim: async (on = node, from = browser) => {
        nowMs += 1;
        return on.handOffs.claim(asked.id, await from.sign(asked.challenge), null);
      },
      live: async () => (await node.list(owner)).rows,
      history: async () => (await node.history(owner)).rows.map(({ kind }) => kind),
    };
  }

  const wrongOf = ({ number }: AskedRequest) => (number === 99 ? 98 : number + 1);

  test("S21: a device is let in as a guest of one session after the owner has picked its number, and proves nothing", async () => {
    const { owner, phone, asked, handed, approve, claim, live, history } = await atTheScreen();
    expect(await claim()).toEqual({ kind: "waiting", endsMs: asked.endsMs });
    const seen = await otherNode.handOffs.look(asked.code);
    expect(seen).toMatchObject({ device: "Firefox on Linux", place: "BE", askedMs: asked.endsMs - REQUEST_MS });
    expect(seen!.choices).toContain(asked.number);
    expect(await approve()).toBe("approved");
    expect(await otherNode.handOffs.look(asked.code)).toBeNull();

    const claimed = await claim(otherNode);
    if (claimed.kind !== "begun") throw new Error(claimed.kind);
    expect(claimed).toMatchObject({ handed, signIn: { owner, guestSession: handed.session, factors: [] } });
    expect(claimed.signIn.endsMs).toBe(nowMs + 3_600_000);
    const checked = await node.check(claimed.token);
    expect(checked).toMatchObject({ kind: "live", signIn: { guestSession: handed.session } });
    expect((await live()).map(({ guestSession }) => guestSession)).toContain(handed.session);
    expect((await node.history(owner)).rows[0]).toMatchObject({ kind: "handed_off", by: phone.publicId });
    expect(await history()).toEqual(["handed_off", "signed_in"]);
  });

  test("S21: of a hundred racing approvals on three nodes one wins, and its owner's device alone is let in", async () => {
    const { asked, handed, claim } = await atTheScreen();
    const phones = await Promise.all(Array.from({ length: 20 }, () => signIn(node, uuidv7())));
    const answers = await Promise.all(
      Array.from({ length: many }, (__, nth) => {
        const on = nodes[nth % 3]!;
        return on.handOffs.approve(phones[nth % 20]!.signIn, { code: asked.code, number: asked.number, handed });
      }),
    );
    expect(new Set(answers)).toEqual(new Set(["approved", "gone"]));
    const winners = new Set(answers.flatMap((answer, nth) => (answer === "approved" ? [nth % 20] : [])));
    expect(winners.size).toBe(1);
    // Others have used the code too. So what it granted has ended.
    expect(await claim()).toEqual({ kind: "gone" });
  });

  test("S21: of a hundred racing claims on three nodes one token is left", async () => {
    const { approve, claim, live, owner } = await atTheScreen();
    await approve();
    const claims = await Promise.all(Array.from({ length: many }, (__, nth) => claim(nodes[nth % 3])));
    const tokens = claims.flatMap((claimed) => (claimed.kind === "begun" ? [claimed.token] : []));
    // A node lets one in at a time. The others are told to ask again.
    expect(tokens.length).toBeGreaterThan(0);
    expect(claims.filter(({ kind }) => kind !== "begun" && kind !== "waiting")).toEqual([]);
    expect((await live()).filter(({ guestSession }) => guestSession !== null)).toHaveLength(1);
    // A node that has not heard of the others' ends asks again after its lease.
    nowMs += 10_001;
    const kinds = await Promise.all(tokens.map(async (token) => (await node.check(token)).kind));
    expect(kinds.filter((kind) => kind === "live")).toHaveLength(1);
    expect((await node.list(owner)).rows).toHaveLength(2);
  });

  test("S21: a wrong number ends the request, and the right one comes too late", async () => {
    const { asked, approve, claim } = await atTheScreen();
    expect(await approve(undefined, wrongOf(asked))).toBe("wrong_number");
    expect(await approve()).toBe("gone");
    expect(await claim()).toEqual({ kind: "gone" });
  });

  test("S21: declining ends the request, and looking at it changes nothing", async () => {
    const { asked, approve, claim } = await atTheScreen();
    for (let count = 0; count < 3; count += 1) expect(await node.handOffs.look(asked.code)).not.toBeNull();
    expect(await node.handOffs.decline(asked.code)).toBe(true);
    expect(await node.handOffs.decline(asked.code)).toBe(false);
    expect(await approve()).toBe("gone");
    expect(await claim()).toEqual({ kind: "gone" });
  });

  test("S21: another browser with the picture of the code gets nothing, and after the approval it ends what was granted", async () => {
    const relayed = await atTheScreen();
    const thief = await requestingBrowser();
    expect(await relayed.claim(node, thief)).toEqual({ kind: "gone" });
    expect(await relayed.approve()).toBe("approved");
    const claimed = await relayed.claim();
    if (claimed.kind !== "begun") throw new Error(claimed.kind);
    expect(await relayed.claim(otherNode, thief)).toEqual({ kind: "gone" });
    expect(await relayed.claim()).toEqual({ kind: "gone" });
    expect(await relayed.history()).toEqual(["code_reused", "handed_off", "signed_in"]);
    expect((await otherNode.check(claimed.token)).kind).toBe("nobody");
    expect(await otherNode.endOf(claimed.token)).toMatchObject({ ending: "code_reused" });
  });

  test("S21: a second owner who approves the same code ends what the first one granted", async () => {
    const { approve, claim, live } = await atTheScreen();
    expect(await approve()).toBe("approved");
    expect((await claim()).kind).toBe("begun");
    const other = await signIn(node, uuidv7());
    expect(await approve(other.signIn)).toBe("gone");
    expect(await live()).toHaveLength(1);
    expect(await claim()).toEqual({ kind: "gone" });
  });

  test("an approval and a claim whose replies were lost are repeated, and let the same browser in", async () => {
    const { approve, claim, live } = await atTheScreen();
    expect([await approve(), await approve()]).toEqual(["approved", "approved"]);
    const [first, second] = [await claim(), await claim(otherNode)];
    if (first.kind !== "begun" || second.kind !== "begun") throw new Error("Not let in.");
    expect((await otherNode.check(first.token)).kind).toBe("nobody");
    expect((await otherNode.check(second.token)).kind).toBe("live");
    expect(await live()).toHaveLength(2);
  });

  test("S17: S21: a guest whom the owner has ended is out, and no claim brings them back", async () => {
    const { approve, claim, live, owner, phone } = await atTheScreen();
    await approve();
    const claimed = await claim();
    if (claimed.kind !== "begun") throw new Error(claimed.kind);
    expect(await node.end(owner, claimed.signIn.publicId, "revoked", phone)).toBe(true);
    expect((await node.check(claimed.token)).kind).toBe("nobody");
    expect(await claim(otherNode)).toEqual({ kind: "gone" });
    expect(await live()).toHaveLength(1);
  });

  test("S21: an approval is worth nothing once the sign-in that gave it has ended", async () => {
    const { approve, claim, owner } = await atTheScreen();
    await approve();
    await node.endAll(owner);
    expect(await claim()).toEqual({ kind: "gone" });
  });

  test("S21: a request can be approved for a minute, and claimed for a minute", async () => {
    const late = await atTheScreen();
    nowMs += REQUEST_MS;
    expect(await late.approve()).toBe("gone");
    expect(await node.handOffs.look(late.asked.code)).toBeNull();
    const unclaimed = await atTheScreen();
    nowMs += REQUEST_MS - 1;
    expect(await unclaimed.approve()).toBe("approved");
    nowMs += REQUEST_MS;
    expect(await unclaimed.claim()).toEqual({ kind: "gone" });
  });

  test("S19: guests do not count as sign-ins; one more than three ends the oldest", async () => {
    const owner = uuidv7();
    const phone = (await signIn(node, owner)).signIn;
    for (let count = 0; count <= MAX_GUESTS; count += 1) {
      const browser = await requestingBrowser();
      const { code, number, id, challenge } = await ask(browser);
      await node.handOffs.approve(phone, { code, number, handed: place() });
      expect((await node.handOffs.claim(id, await browser.sign(challenge), null)).kind).toBe("begun");
      nowMs += 1;
    }
    const { rows } = await node.list(owner);
    expect(rows.filter(({ guestSession }) => guestSession !== null)).toHaveLength(MAX_GUESTS);
    expect((await node.history(owner)).rows.filter(({ kind }) => kind === "displaced")).toHaveLength(1);
  });

  test("a guest who signs in with a proof is a guest no more", async () => {
    const { approve, claim, live, owner } = await atTheScreen();
    await approve();
    const claimed = await claim();
    if (claimed.kind !== "begun") throw new Error(claimed.kind);
    const own = await signIn(node, owner, { current: claimed.signIn });
    expect(own.signIn.publicId).not.toBe(claimed.signIn.publicId);
    expect((await node.check(claimed.token)).kind).toBe("nobody");
    expect((await live()).map(({ guestSession }) => guestSession)).toEqual([null, null]);
  });

  test("too many requests of one network are refused, those of others are not, and old ones are deleted", async () => {
    const browser = await requestingBrowser();
    nowMs += REQUEST_MS;
    for (let count = 0; count < 20; count += 1) await ask(browser, `2001:db8::${count + 1}`);
    await expect(ask(browser, "2001:db8::ffff")).rejects.toThrow("Too many");
    await ask(browser, "2001:db8:1::1");
    nowMs += REQUEST_MS;
    await ask(browser, "2001:db8::ffff");
  });

  test("the sweep deletes what is left of old hand-offs", async () => {
    const { asked, handed, owner } = await atTheScreen();
    await node.handOffs.offer(owner, handed);
    await node.handOffs.find(owner, "CDFGHJKM", null);
    nowMs += 86_400_000 + 3_600_000;
    await node.sweep();
    for (const table of ["hand_off_request", "hand_off_offer", "hand_off_try"]) {
      const text = `select * from sessions.${table}`;
      expect((await (name === "PGlite" ? pglite.query(text) : pool.query(text))).rows, table).toEqual([]);
    }
    expect(await node.handOffs.look(asked.code)).toBeNull();
  });
});
