import { repetitions } from "../../../../scripts/repetitions.ts";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { emptyPGlite } from "../testing/pglite.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { createValuesNode, data, newVisitorSecret, ValuesBrowser } from "../testing/visits/values-browser.ts";
import { movedDataColumns } from "./rows/data-adoption.ts";
import { visitorOf } from "./request/visitor-secret.ts";

const { pool } = await freshDatabase();
const pglite = await emptyPGlite();
const DAY_MS = 86_400_000;
let nowMs = Date.UTC(2026, 2, 1);
const now = () => nowMs;

const nodes = { postgres: createValuesNode(pool, now), pglite: createValuesNode(pglite, now) } as const;

beforeAll(async () => {
  for (const node of Object.values(nodes)) await node.migrate();
});
afterAll(async () => {
  for (const node of Object.values(nodes)) await node.close();
  await pglite.close();
});

describe.each(["postgres", "pglite"] as const)("on %s", (kind) => {
  const node = nodes[kind];
  const browser = (secret?: string) => new ValuesBrowser(node, secret);
  const named = (name: string) => `${name} on ${kind}`;
  const rowsOf = async (owner: string) => {
    const text = `select key, version, value::text as value from sessions.visit_data where owner_id = $1 order by key`;
    const { rows } = kind === "postgres" ? await pool.query(text, [owner]) : await pglite.query(text, [owner]);
    return rows;
  };

  test("S20: a stranger's first value makes a visitor, and nothing before it does", async () => {
    const device = browser();
    expect(await device.cart()).toBeUndefined();
    await device.visit((visit) => visit.data.change("cart", () => undefined));
    expect([device.setCookies, await device.visit(async ({ visitor }) => visitor)]).toEqual([[], null]);
    await expect(device.visit((visit) => visit.data.change("cart", () => [1] as never))).rejects.toMatchObject({
      code: "output_invalid",
    });
    expect(device.setCookies).toEqual([]);
    await expect(device.visit((visit) => visit.data.change("cart", () => ["tea"]), "GET")).rejects.toMatchObject({
      reason: "method_not_allowed",
    });

    expect(await device.add("tea")).toEqual(["tea"]);
    expect(device.setCookies).toEqual([expect.stringMatching(/^__Host-sign-in-visitor=[\w-]{43};.*HttpOnly/)]);
    expect(await device.add("milk")).toEqual(["tea", "milk"]);
    expect(device.setCookies).toEqual([]);
    expect(await device.cart()).toEqual(["tea", "milk"]);
    expect(await browser().cart()).toBeUndefined();
  });

  test("S20: two first values of one request are one visitor's", async () => {
    const device = browser();
    await device.visit((visit) =>
      Promise.all([visit.data.change("cart", () => ["tea"]), visit.data.change("theme", () => "dark")]),
    );
    expect(device.setCookies).toHaveLength(1);
    expect(await rowsOf(device.visitor!)).toHaveLength(2);
  });

  test("S20: after the sign-in the values are the person's, and those of a browser are the new sign-in's", async () => {
    const [device, other] = [browser(), browser()];
    await device.add("tea");
    await device.visit((visit) => visit.data.change("theme", () => "dark"));
    const visitor = device.visitor!;
    await other.signIn(named("ada"));
    await device.signIn(named("ada"));
    expect(device.visitor).toBeUndefined();
    for (const each of [device, other]) expect(await each.cart()).toEqual(["tea"]);
    const theme = (each: ValuesBrowser) => each.visit((visit) => visit.data.get("theme"));
    expect([await theme(device), await theme(other)]).toEqual(["dark", undefined]);
    expect(await device.visit((visit) => visit.data.conflicts("cart"))).toEqual([]);
    expect(await rowsOf(visitor)).toEqual([]);
  });

  test("S20: where both have a value, the person's stands, and the visitors' wait until somebody decides", async () => {
    const owner = named("grace");
    const [home, phone, tablet] = [browser(), browser(), browser()];
    await home.signIn(owner);
    await home.add("bread");
    for (const [device, item] of [
      [phone, "tea"],
      [tablet, "milk"],
    ] as const) {
      await device.add(item);
      await device.signIn(owner);
    }
    expect(await home.cart()).toEqual(["bread"]);
    const conflicts = (each: ValuesBrowser) => each.visit((visit) => visit.data.conflicts("cart"), "GET");
    expect(new Set(await conflicts(home))).toEqual(new Set([["milk"], ["tea"]]));
    expect(await conflicts(browser())).toEqual([]);
    const merged = await home.visit((visit) =>
      visit.data.resolve("cart", (own = [], others) => [...own, ...others.flat().toSorted()]),
    );
    expect(merged).toEqual(["bread", "milk", "tea"]);
    for (const each of [home, phone]) expect(await conflicts(each)).toEqual([]);
    expect(await home.visit((visit) => visit.data.resolve("cart", () => []))).toEqual(merged);
  });

  test("S20: the same value is no conflict, and a value that the person has removed is none", async () => {
    const owner = named("alan");
    const home = browser();
    await home.signIn(owner);
    const conflicts = () => home.visit((visit) => visit.data.conflicts("cart"));
    await home.add("tea");
    for (const item of ["tea", "tea", "milk", "milk"]) {
      const device = browser();
      await device.add(item);
      await device.signIn(owner);
    }
    expect(await conflicts()).toEqual([["milk"]]);
    await home.visit((visit) => visit.data.resolve("cart", (own) => own));
    await home.visit((visit) => visit.data.change("cart", () => undefined));
    const device = browser();
    await device.add("jam");
    await device.signIn(owner);
    expect([await home.cart(), await conflicts()]).toEqual([["jam"], []]);
    expect(await rowsOf(owner)).toEqual([{ key: "cart", version: 4, value: '["jam"]' }]);
  });

  test("S20: of the visitors of a page and of its cookie, the page's values stand", async () => {
    for (let round = 0; round < 3; round += 1) {
      const device = browser();
      await device.add("of the cookie");
      device.secret = newVisitorSecret();
      await device.add("of the page");
      await device.signIn(named(`cy ${round}`));
      expect(await device.cart()).toEqual(["of the page"]);
      expect(await device.visit((visit) => visit.data.conflicts("cart"))).toEqual([["of the cookie"]]);
    }
  });

  test("S20: a visitor whom an owner has adopted keeps nothing any more, and loses the cookie", async () => {
    const [device, secret] = [browser(), newVisitorSecret()];
    device.secret = secret;
    await device.add("tea");
    const late = browser(secret);
    await device.signIn(named("bob"));
    expect(await late.cart()).toBeUndefined();
    await expect(late.add("milk")).rejects.toMatchObject({ reason: "signed_out" });
    const other = browser();
    await other.add("jam");
    const stale = other.copy();
    await other.signIn(named("bob"));
    await expect(stale.add("milk")).rejects.toMatchObject({ reason: "signed_out" });
    expect(stale.visitor).toBeUndefined();
    expect(await stale.add("milk")).toEqual(["milk"]);
  });

  test("S20: whatever a visitor changes meanwhile is adopted or refused, and nothing stays behind", async () => {
    for (let round = 0; round < repetitions({ few: 3, many: 30 }); round += 1) {
      const secret = newVisitorSecret();
      const [owner, device] = [named(`racer ${round}`), browser(secret)];
      await device.add("first");
      const adds = Array.from({ length: 6 }, (_, index) =>
        browser(secret)
          .add(`${index}`)
          .then(
            () => `${index}`,
            (error: { readonly reason: string }) => error.reason,
          ),
      );
      await Promise.all([device.signIn(owner), browser(secret).signIn(owner), ...adds]);
      const kept = (await Promise.all(adds)).filter((each) => /^\d$/.test(each));
      for (const each of await Promise.all(adds)) expect(each).toMatch(/^(\d|signed_out)$/);
      expect((await device.cart())!.toSorted()).toEqual(["first", ...kept].toSorted());
      expect(await rowsOf(visitorOf(secret)!)).toEqual([]);
    }
  });

  test("S20: a page adopts once for its sign-in, and a sign-in that has ended adopts nothing", async () => {
    const [device, secret, later] = [browser(), newVisitorSecret(), newVisitorSecret()];
    await browser(secret).visit((visit) => visit.data.change("theme", () => "dark"));
    await device.signIn(named("eve"));
    device.secret = secret;
    for (let time = 0; time < 2; time += 1) expect(await device.adopt()).toEqual({ adopted: true });
    expect(await device.visit((visit) => visit.data.get("theme"))).toBe("dark");

    await browser(later).add("tea");
    device.secret = later;
    await expect(device.adopt(() => node.endAll(named("eve")))).rejects.toMatchObject({ reason: "signed_out" });
    expect(await browser(later).cart()).toEqual(["tea"]);
  });

  test("S20: a page of a stranger keeps values by the router, and decides about them after the sign-in", async () => {
    const [home, device] = [browser(), browser()];
    await home.signIn(named("judy"));
    await home.add("bread");
    const cart = (each: ValuesBrowser) => each.page(({ data: values }) => values.get({ key: "cart" }));
    const set = (each: ValuesBrowser, input: { base: number; value?: string[]; resolves?: string[] }) =>
      each.page(({ data: values }) => values.set({ key: "cart", change: randomUUID(), ...input }));
    expect([await cart(device), device.setCookies]).toEqual([{ version: 0 }, []]);
    expect(await set(device, { base: 0, value: ["tea"] })).toEqual({ status: "changed", version: 1 });
    expect(await cart(device)).toEqual({ version: 1, value: ["tea"] });
    await expect(device.page(({ data: values }) => values.get({ key: "risk" }))).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
    expect(await device.page(({ current }) => current())).toMatchObject({ owner: null, visitor: false });

    // The answer to the request that signs in may not have had the cookie.
    for (const [name, value] of home.jar) device.jar.set(name, value);
    device.csrf = home.csrf;
    expect(await device.page(({ current }) => current())).toMatchObject({ owner: named("judy"), visitor: true });
    expect(await device.adopt()).toEqual({ adopted: true });
    expect(await device.page(({ current }) => current())).toMatchObject({ visitor: false });
    const { conflicts } = await cart(home);
    expect(conflicts).toEqual([{ id: expect.stringMatching(/^visitor-/), value: ["tea"] }]);
    const resolves = [conflicts![0]!.id];
    expect(await set(home, { base: 0, value: ["tea"], resolves })).toMatchObject({ status: "conflict", version: 1 });
    expect(await cart(home)).toMatchObject({ conflicts: [{ value: ["tea"] }] });
    expect(await set(home, { base: 1, value: ["bread"], resolves })).toEqual({ status: "changed", version: 2 });
    expect(await cart(device)).toEqual({ version: 2, value: ["bread"] });
  });

  test("S20: a value that the schema of a later deploy refuses moves as it is, and is told", async () => {
    const owner = named("dan");
    const [home, device] = [browser(), browser()];
    await home.signIn(owner);
    await device.add("tea");
    await device.signIn(owner);
    const strict = createValuesNode(kind === "postgres" ? pool : pglite, now, {
      ...data,
      cart: { schema: z.object({}), per: "owner" },
    });
    const after = home.copy(strict);
    await expect(after.cart()).rejects.toMatchObject({ code: "migration_failed" });
    expect(await home.cart()).toEqual(["tea"]);
    await strict.close();
  });

  test("a visitor's values go 400 days after the last change, and a person's stay", async () => {
    const [device, home] = [browser(), browser()];
    await device.add("tea");
    await home.signIn(named("heidi"));
    await home.add("bread");
    const visitor = device.visitor!;
    const before = nowMs;
    nowMs += 399 * DAY_MS;
    await node.sweep();
    expect(await rowsOf(visitor)).toHaveLength(1);
    nowMs += 32 * DAY_MS;
    await node.sweep();
    expect([await rowsOf(visitor), await rowsOf(named("heidi"))]).toEqual([
      [],
      [expect.objectContaining({ version: 1 })],
    ]);
    nowMs = before;
  });
});

test("S20: every column of a value has a place in the move", async () => {
  const { rows } = await pool.query<{ columns: string[] }>(
    `select array_agg(attname::text order by attname) as columns from pg_attribute
     where attrelid = 'sessions.visit_data'::regclass and attnum > 0 and not attisdropped`,
  );
  expect(rows[0]!.columns).toEqual(Object.keys(movedDataColumns).toSorted());
});
