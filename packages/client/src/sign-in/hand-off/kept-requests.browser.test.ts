import { afterEach, expect, test, vi } from "vitest";
import { browserEnvironment } from "../../environment.ts";
import { createRequestKey, signClaim } from "./request-key.ts";
import { openKeptRequests, REQUEST_LIFE_MS, type KeptRequest, type KeptRequests } from "./kept-requests.ts";

let aheadMs = 0;
const environment = { ...browserEnvironment, now: () => Date.now() + aheadMs };
const pages: KeptRequests[] = [];

afterEach(() => {
  for (const page of pages.splice(0)) page.release();
  aheadMs = 0;
  vi.restoreAllMocks();
});

/** Pages of one browser. `taken` are the requests that a page has taken over. */
function browser() {
  const name = `requests ${crypto.randomUUID()}`;
  return async () => {
    const page = openKeptRequests(name, environment);
    pages.push(page);
    const taken: KeptRequest[] = [];
    await page.takeOver((request) => taken.push(request));
    const isStored = async () => (await indexedDB.databases()).some((one) => one.name === name);
    return { ...page, taken, isStored };
  };
}

async function request(): Promise<KeptRequest> {
  const { privateKey } = (await createRequestKey())!;
  const told = { code: "code", number: 42, challenge: "challenge", endsAt: "" };
  return { id: crypto.randomUUID(), ...told, privateKey, askedAtMs: environment.now() };
}

test("S21: the key of a request outlives its page, signs, and never leaves the browser", async () => {
  const open = browser();
  const [first, asked] = [await open(), await request()];
  await first.keep(asked);
  first.release();
  const { taken } = await open();
  expect(taken).toHaveLength(1);
  const { privateKey } = taken[0]!;
  expect(await signClaim(privateKey, "challenge")).toMatch(/^[\w-]{86}$/);
  expect(privateKey.extractable).toBe(false);
  await expect(crypto.subtle.exportKey("jwk", privateKey)).rejects.toThrow("extractable");
});

test("S21: a request is one page's at a time, and the next page gets it when that page is gone", async () => {
  const open = browser();
  const [first, asked] = [await open(), await request()];
  await first.keep(asked);
  const [second, third] = [await open(), await open()];
  expect([second.taken, third.taken]).toEqual([[], []]);
  first.release();
  await vi.waitFor(() => expect(second.taken.length + third.taken.length).toBe(1));
  // A claimed request is nobody's any more.
  const [holder, other] = second.taken.length === 1 ? [second, third] : [third, second];
  await holder.remove(asked.id);
  holder.release();
  expect((await open()).taken).toEqual([]);
  expect(other.taken).toEqual([]);
});

test("an old request is deleted, and with the last one the database", async () => {
  const open = browser();
  const first = await open();
  await first.keep(await request());
  await first.keep(await request());
  expect(await first.isStored()).toBe(true);
  first.release();
  aheadMs = REQUEST_LIFE_MS + 1;
  expect((await open()).taken).toEqual([]);
  expect(await first.isStored()).toBe(false);
});

test("a disk that refuses costs the page nothing but its memory", async () => {
  const open = browser();
  const first = await open();
  vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(() => {
    throw new DOMException("No key in a private window.", "DataCloneError");
  });
  await first.keep(await request());
  first.release();
  expect((await open()).taken).toEqual([]);
});
