import { Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { emptyPGlite } from "../../../testing/pglite.ts";
import { freshDatabase } from "../../../testing/postgres.ts";
import { testKeeper } from "../../../testing/sign-ins.ts";
import { hashOfAddress } from "../../hand-off/address.ts";
import { hashOfTries } from "../../hand-off/letters.ts";
import { LETTERS_MS, MAX_OFFERS, MAX_TRIES, TRIES_A_DAY } from "./letter-offers.ts";

const { pool, url } = await freshDatabase();
const otherPool = new Pool({ connectionString: url });
const pglite = await emptyPGlite();
let nowMs = Date.UTC(2026, 5, 1);
const options = { now: () => nowMs, elapsedMs: () => nowMs };
afterAll(async () => {
  await otherPool.end();
  await pglite.close();
});

describe.each([
  ["PostgreSQL", testKeeper(pool, options), testKeeper(otherPool, options)],
  ["PGlite", testKeeper(pglite, options), testKeeper(pglite, options)],
] as const)("on %s", (name, node, otherNode) => {
  beforeAll(() => node.migrate());
  afterAll(() => Promise.all([node.close(), otherNode.close()]));

  const place = () => ({ session: uuidv7(), flow: "transfer", step: "amount" });

  /** Where letters lead to, or why they lead nowhere. */
  const find = async (owner: string, letters: string, address: string | null = null, on = otherNode) => {
    const found = await on.handOffs.find(owner, letters, address);
    return found.kind === "found" ? found.handed : found.kind;
  };
  const wrongFor = (letters: string) => (letters === "CDFGHJKM" ? "CDFGHJKN" : "CDFGHJKM");

  test("S21: letters lead the same owner to the place, on any node, and for everybody else they do not exist", async () => {
    const [ada, eve, handed] = [uuidv7(), uuidv7(), place()];
    const { letters, endsMs } = await node.handOffs.offer(ada, handed);
    expect(endsMs).toBe(nowMs + LETTERS_MS);
    expect(await find(ada, `${letters.slice(0, 4)}-${letters.slice(4).toLowerCase()}`)).toEqual(handed);
    expect(await find(eve, letters)).toBe("none");
    nowMs = endsMs;
    expect(await find(ada, letters)).toBe("none");
  });

  test("S21: after five wrong tries the right letters open nothing, also if many tries race", async () => {
    const ada = uuidv7();
    const { letters } = await node.handOffs.offer(ada, place());
    for (let count = 1; count < MAX_TRIES; count += 1) await find(ada, wrongFor(letters));
    expect(await find(ada, letters)).toHaveProperty("session");
    await Promise.all(
      Array.from({ length: 20 }, (__, nth) => find(ada, wrongFor(letters), null, nth % 2 ? node : otherNode)),
    );
    expect(await find(ada, letters)).toBe("none");
  });

  test("S21: after the wrong tries of a day no letters of an owner open anything until the next day, and right ones are free", async () => {
    const [ada, eve] = [uuidv7(), uuidv7()];
    const offer = async (owner = ada) => (await node.handOffs.offer(owner, place())).letters;
    const address = "192.0.2.7";
    let wrong = 0;
    while (wrong < TRIES_A_DAY.owner) {
      const letters = await offer();
      expect(await find(ada, letters, address)).toHaveProperty("session");
      for (let tries = 1; tries < MAX_TRIES && wrong < TRIES_A_DAY.owner; tries += 1) {
        expect(await find(ada, wrongFor(letters), address)).toBe("none");
        wrong += 1;
      }
    }
    expect(await find(ada, await offer(), address)).toBe("too_many");
    expect(await find(eve, await offer(eve), address)).toHaveProperty("session");
    nowMs += 86_400_000;
    expect(await find(ada, await offer(), address)).toHaveProperty("session");
  });

  test("S21: after the wrong tries of a day from one address no letters open anything there, whosever they are", async () => {
    const address = "2001:db8:9::1";
    const id = hashOfTries("address", hashOfAddress(address), Math.floor(nowMs / 86_400_000));
    await find(uuidv7(), "CDFGHJKM", address);
    const [text, values] = ["update sessions.hand_off_try set tries = $1 where id = $2", [TRIES_A_DAY.address - 5, id]];
    await (name === "PGlite" ? pglite.query(text, values) : pool.query(text, values));
    const racing = Array.from({ length: 10 }, (__, nth) =>
      find(uuidv7(), "CDFGHJKM", `2001:db8:9::${nth}`, nth % 2 ? node : otherNode),
    );
    const answers = await Promise.all(racing);
    expect(answers.filter((answer) => answer === "none")).toHaveLength(5);
    expect(answers.filter((answer) => answer === "too_many")).toHaveLength(5);
    const ada = uuidv7();
    const { letters } = await node.handOffs.offer(ada, place());
    expect(await find(ada, letters, address)).toBe("too_many");
    expect(await find(ada, letters, "2001:db8:a::1")).toHaveProperty("session");
  });

  test("S25: an owner has a few codes at a time: a new one takes the place of the oldest", async () => {
    const ada = uuidv7();
    const offered: string[] = [];
    for (let count = 0; count <= MAX_OFFERS; count += 1) {
      offered.push((await node.handOffs.offer(ada, place())).letters);
      nowMs += 1;
    }
    const [first, ...others] = offered;
    for (const letters of others) expect(await find(ada, letters)).toHaveProperty("session");
    expect(await find(ada, first!)).toBe("none");
  });
});
