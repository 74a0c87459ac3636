import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { z } from "zod";
import { MemoryKeeper } from "../../testing/visits/memory-keeper.ts";
import { checkedOptions } from "../options/checked-options.ts";
import { signInsOver } from "../sign-ins.ts";

const now = () => 1_800_000_000_000;
const keeper = new MemoryKeeper({ now });
const signIns = signInsOver(
  keeper,
  checkedOptions({
    database: {} as never,
    now,
    data: {
      cart: { schema: z.object({ items: z.array(z.string().max(20)).max(3) }), per: "owner" },
      theme: { schema: z.enum(["light", "dark"]), per: "sign-in" },
      risk: { schema: z.number(), per: "owner", serverOnly: true },
    },
  }),
);

/** The procedures as a page calls them, in a browser with this cookie. */
async function pageOf(cookie: string, csrf?: string) {
  const headers = { "sec-fetch-site": "same-origin", cookie, ...(csrf !== undefined && { "sign-in-csrf": csrf }) };
  const { promise, resolve } = Promise.withResolvers<ReturnType<typeof signIns.router.createCaller>>();
  await signIns.fetch(new Request("https://bank.example/", { method: "POST", headers }), async (visit) => {
    resolve(signIns.router.createCaller({ visit }));
    return new Response();
  });
  return (await promise).data;
}

/** A page of a browser in which this owner signs in. */
async function signedInPage(owner: string) {
  let csrf = "";
  const request = new Request("https://bank.example/", {
    method: "POST",
    headers: { "sec-fetch-site": "same-origin" },
  });
  const response = await signIns.fetch(request, async (visit) => {
    await visit.signInAs(owner, { factors: ["password"] });
    csrf = visit.csrf!;
    await visit.data.change("risk", () => 3);
    return new Response();
  });
  const cookie = response.headers.getSetCookie()[0]!.split(";")[0]!;
  return { data: await pageOf(cookie, csrf), withoutCsrf: await pageOf(cookie) };
}

const change = () => randomUUID();

test("a person's pages share the values of the owner, and each browser has its own of the sign-in", async () => {
  const [phone, laptop, other] = [await signedInPage("ada"), await signedInPage("ada"), await signedInPage("eve")];
  expect(await phone.data.get({ key: "cart" })).toEqual({ version: 0 });
  const value = { items: ["tea"] };
  expect(await phone.data.set({ key: "cart", base: 0, change: change(), value })).toEqual({
    status: "changed",
    version: 1,
  });
  expect(await laptop.data.get({ key: "cart" })).toEqual({ version: 1, value });
  expect(await other.data.get({ key: "cart" })).toEqual({ version: 0 });
  await phone.data.set({ key: "theme", base: 0, change: change(), value: "dark" });
  expect(await laptop.data.get({ key: "theme" })).toEqual({ version: 0 });
});

test("of two pages that change one value, the later one is told the value that stands", async () => {
  const [phone, laptop] = [await signedInPage("grace"), await signedInPage("grace")];
  await phone.data.set({ key: "cart", base: 0, change: change(), value: { items: ["tea"] } });
  expect(await laptop.data.set({ key: "cart", base: 0, change: change(), value: { items: ["milk"] } })).toEqual({
    status: "conflict",
    version: 1,
    value: { items: ["tea"] },
  });
});

test("a page is told why its value is refused, and changes nothing without the value against other sites", async () => {
  const { data, withoutCsrf } = await signedInPage("alan");
  const value = { items: ["a text that is much too long"] };
  expect(await data.set({ key: "cart", base: 0, change: change(), value })).toMatchObject({
    status: "refused",
    code: "invalid_input",
    issues: [{ path: ["items", 0] }],
  });
  const fine = { key: "cart", base: 0, change: change(), value: { items: [] } };
  await expect(withoutCsrf.set(fine)).rejects.toMatchObject({ reason: "csrf_mismatch" });
  expect(await data.get({ key: "cart" })).toEqual({ version: 0 });
});

test("for a page, a value that is the server's alone does not exist, and a stranger has none at all", async () => {
  const { data } = await signedInPage("ada");
  for (const key of ["risk", "no such key"]) {
    await expect(data.get({ key })).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(data.set({ key, base: 1, change: change(), value: 0 })).rejects.toMatchObject({ code: "NOT_FOUND" });
  }
  await expect((await pageOf("")).get({ key: "cart" })).rejects.toMatchObject({ reason: "signed_out" });
});
