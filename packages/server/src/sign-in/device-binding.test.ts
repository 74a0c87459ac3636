import { generateKeyPairSync } from "node:crypto";
import { afterEach, expect, test, vi } from "vitest";
import { BoundBrowser, proofOf, type BoundBrowserOptions } from "../testing/visits/bound-browser.ts";
import { MemoryKeeper } from "../testing/visits/memory-keeper.ts";
import { checkedOptions } from "./options/checked-options.ts";
import type { SignInsOptions } from "./options/options.ts";
import { signInsOver } from "./sign-ins.ts";

afterEach(() => void vi.useRealTimers());

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const options = { deviceBinding: { path: "/device-binding" } };

/** An application on one node, whose answers a test may lose. */
function createWorld(given: Partial<SignInsOptions> = options) {
  let nowMs = Date.UTC(2026, 5, 1);
  const now = () => nowMs;
  const keeper = new MemoryKeeper({ now });
  const signIns = signInsOver(keeper, checkedOptions({ database: {} as never, now, ...given }));
  const world = {
    keeper,
    signIns,
    advance: (ms: number) => void (nowMs += ms),
    /** Called with each answer of the endpoints, before the browser has it. */
    onAnswer: (response: Response): Response => response,
    async send(request: Request): Promise<Response> {
      const { pathname } = new URL(request.url);
      const response = await signIns.fetch(request, async (visit) => {
        if (pathname === "/sign-in") await visit.signInAs("ada", { factors: ["password"] });
        if (pathname === "/sign-out") await visit.signOut();
        return Response.json({ owner: visit.owner });
      });
      return pathname.startsWith("/device-binding/") ? world.onAnswer(response) : response;
    },
    browser: (more: Partial<BoundBrowserOptions> = {}) => new BoundBrowser({ send: world.send, now, ...more }),
  };
  return world;
}

const signIn = (browser: BoundBrowser) => browser.fetch("/sign-in", { method: "POST" });
const ownerOf = async (response: Response) => ((await response.json()) as { owner: string | null }).owner;
const ownerFor = async (browser: BoundBrowser) => ownerOf(await browser.fetch("/me"));

/** A sign-in that is bound, past the time in which requests may come without the short cookie. */
async function boundWorld() {
  const world = createWorld();
  const browser = world.browser();
  await signIn(browser);
  world.advance(2 * MINUTE_MS);
  /** What somebody else sends who has copied the browser's cookies. */
  const copied = browser.cookie;
  const thief = async (headers: Record<string, string> = { cookie: copied }) =>
    ownerOf(await world.send(new Request("https://bank.example/me", { headers })));
  return { world, browser, thief };
}

test("S16: a browser that is asked to bind its sign-in stays signed in, for hours and across a new secret", async () => {
  const world = createWorld();
  const browser = world.browser();
  const response = await signIn(browser);
  expect(response.headers.get("secure-session-registration")).toMatch(
    /^\(ES256\);path="\/device-binding\/registration";challenge="[\w-]{43}"$/,
  );
  expect(browser.session).not.toBeNull();
  for (let minutes = 0; minutes < 26 * 60; minutes += 7) {
    world.advance(7 * MINUTE_MS);
    expect(await ownerFor(browser)).toBe("ada");
  }
  expect(browser.own.length).toBeGreaterThan(100);
  // Each has its challenge from the answer before, the first one from the registration's. So none is asked for it with a 403.
  expect(browser.own.filter((request) => !request.endsWith("200"))).toEqual([]);
});

test("S18: a copied cookie of a bound sign-in is dead in ten minutes, by cookie and by bearer", async () => {
  const { world, browser, thief } = await boundWorld();
  const token = /__Host-sign-in=([^;]+)/.exec(browser.cookie)![1]!;
  expect(await thief()).toBe("ada");
  expect(await thief({ cookie: `__Host-sign-in=${token}` })).toBeNull();
  expect(await thief({ authorization: `Bearer ${token}` })).toBeNull();
  world.advance(8 * MINUTE_MS);
  expect(await thief()).toBeNull();
  expect(await ownerFor(browser)).toBe("ada");
  expect(await thief()).toBeNull();
});

test("S18: who has copied the cookies can neither refresh nor bind, with a key of their own", async () => {
  const { world, browser } = await boundWorld();
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const jwk = publicKey.export({ format: "jwk" });
  const { id, refreshUrl } = browser.session!;
  const post = (path: string, headers: Record<string, string>) =>
    world.send(new Request(`https://bank.example${path}`, { method: "POST", headers }));
  const cookie = browser.cookie;
  const asked = await post(refreshUrl, { cookie, "sec-secure-session-id": `"${id}"` });
  expect(asked.status).toBe(403);
  const challenge = /^"([^"]+)"/.exec(asked.headers.get("secure-session-challenge")!)![1]!;
  for (const head of [{}, { jwk }, { alg: "none" }]) {
    const response = `"${proofOf(privateKey, { jti: challenge }, head)}"`;
    const headers = { cookie, "sec-secure-session-id": `"${id}"`, "secure-session-response": response };
    const answered = await post(refreshUrl, headers);
    expect([answered.status, answered.headers.getSetCookie()]).toEqual([400, []]);
  }
  const registration = { cookie, "secure-session-response": `"${proofOf(privateKey, { jti: challenge }, { jwk })}"` };
  expect((await post("/device-binding/registration", registration)).status).toBe(400);
  expect(await ownerFor(browser)).toBe("ada");
});

test("S18: a sign-in is bound only soon after the proof of the person: a stolen one cannot be bound later", async () => {
  const world = createWorld();
  const victim = world.browser({ binds: false });
  await signIn(victim);
  world.advance(DAY_MS + 1);
  const rotated = await world.send(new Request("https://bank.example/me", { headers: { cookie: victim.cookie } }));
  expect(rotated.headers.getSetCookie()).toHaveLength(1);
  expect(rotated.headers.get("secure-session-registration")).toBeNull();
});

test("a registration that comes too late is refused, and the sign-in goes on without a device", async () => {
  const world = createWorld();
  const slow = world.browser({
    send: (request) => {
      if (request.url.endsWith("/registration")) world.advance(5 * MINUTE_MS);
      return world.send(request);
    },
  });
  await signIn(slow);
  expect([slow.own, slow.session]).toEqual([["/device-binding/registration 400"], null]);
  expect(await ownerFor(slow)).toBe("ada");
});

test("S16: a refresh may come early, twice at once, and its answer may be lost", async () => {
  const { world, browser } = await boundWorld();
  expect(await browser.refresh()).toBe(200);
  expect(await Promise.all([browser.refresh(), browser.refresh(), browser.refresh()])).toEqual([200, 200, 200]);
  for (let times = 0; times < 3; times += 1) {
    // The server has made the next challenge, and the browser has the one before.
    world.onAnswer = () => new Response(null, { status: 503 });
    world.advance(9 * MINUTE_MS);
    expect(await browser.refresh()).toBe(503);
    world.onAnswer = (response) => response;
    expect(await ownerFor(browser)).toBe("ada");
  }
  expect(browser.session).not.toBeNull();
});

test("S16: requests that were under way when the sign-in was bound sign nobody out", async () => {
  const world = createWorld();
  const plain = world.browser({ binds: false });
  const browser = world.browser({
    send: async (request) => {
      if (request.url.endsWith("/registration")) plain.jar.set("__Host-sign-in", browser.jar.get("__Host-sign-in")!);
      return world.send(request);
    },
  });
  await signIn(browser);
  expect(await ownerFor(plain)).toBe("ada");
  world.advance(2 * MINUTE_MS);
  expect(await ownerFor(plain)).toBeNull();
});

test("S16: a browser that cannot refresh now is told to try again, and is not signed out", async () => {
  const { world, browser } = await boundWorld();
  world.advance(10 * MINUTE_MS);
  browser.skips = "unreachable";
  const held = await browser.fetch("/me");
  expect([held.status, held.headers.get("retry-after"), held.headers.getSetCookie()]).toEqual([503, "2", []]);
  browser.skips = null;
  expect(await ownerFor(browser)).toBe("ada");
});

test("S18: a refresh that a page of another site has caused is refused, and costs the person nothing", async () => {
  const { world, browser } = await boundWorld();
  const { session, cookie } = browser;
  for (const headers of [
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { origin: "https://evil.example" },
  ]) {
    expect(await browser.refresh(headers)).toBe(429);
    expect([browser.session, browser.cookie]).toEqual([session, cookie]);
  }
  // A page that sends the request itself cannot write the header.
  expect(await browser.refresh({ "sec-secure-session-id": "" })).toBe(400);
  for (const headers of [{ "sec-fetch-site": "same-origin" }, { origin: "https://bank.example" }, {}]) {
    browser.session = session;
    expect(await browser.refresh(headers)).toBe(200);
  }
  world.advance(30 * MINUTE_MS);
  expect(await ownerFor(browser)).toBe("ada");
});

test("after a sign-out the browser's session ends too, and the next sign-in is bound anew", async () => {
  const { world, browser } = await boundWorld();
  const { id } = browser.session!;
  const signedOut = await browser.fetch("/sign-out", { method: "POST" });
  expect(signedOut.headers.getSetCookie().map((cookie) => cookie.split(";")[0])).toEqual([
    "__Host-sign-in=",
    "__Host-sign-in-bound=",
  ]);
  world.advance(10 * MINUTE_MS);
  expect(await ownerFor(browser)).toBeNull();
  expect(browser.session).toBeNull();
  await signIn(browser);
  expect(browser.session!.id).not.toBe(id);
  world.advance(10 * MINUTE_MS);
  expect(await ownerFor(browser)).toBe("ada");
});

test("S16: without the browser's or the application's part, nothing changes", async () => {
  const [without, plain] = [createWorld({}), createWorld()];
  const other = plain.browser({ binds: false });
  const answers = [await signIn(without.browser()), await signIn(other)];
  expect(answers.map(({ headers }) => headers.getSetCookie().length)).toEqual([1, 1]);
  expect(answers[0]!.headers.get("secure-session-registration")).toBeNull();
  plain.advance(10 * MINUTE_MS);
  expect(await ownerFor(other)).toBe("ada");
  const local = plain.browser({ origin: "http://localhost:3000" });
  expect((await signIn(local)).headers.get("secure-session-registration")).toBeNull();
  expect(await ownerOf(await without.send(new Request("https://bank.example/device-binding/refresh")))).toBeNull();
});

test("S18: a stream of a bound sign-in ends with the short cookie that opened it, and is opened again with the next one", async () => {
  vi.useFakeTimers();
  const { world, browser } = await boundWorld();
  const ends: unknown[] = [];
  let unsubscribe = () => {};
  const watchAs = (cookie: string) =>
    world.signIns.fetch(new Request("https://bank.example/watch", { headers: { cookie } }), (visit) => {
      unsubscribe();
      unsubscribe = world.signIns.identify({ visit })!.onEnded((why) => ends.push(why));
      return new Response();
    });
  await watchAs(browser.cookie);
  await vi.advanceTimersByTimeAsync(8 * MINUTE_MS - 1);
  expect(ends).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(ends).toEqual(["renew"]);
  await browser.refresh();
  await watchAs(browser.cookie);
  await browser.fetch("/sign-out", { method: "POST" });
  expect(ends).toEqual(["renew", undefined]);
});

test("a sealed copy does not stand in for the short cookie", async () => {
  const keys = [Buffer.alloc(32, 1).toString("base64url")];
  const world = createWorld({ ...options, seal: { keys, trustMs: 300_000 } });
  const browser = world.browser();
  await signIn(browser);
  world.advance(MINUTE_MS);
  await browser.fetch("/me");
  const copied = browser.cookie;
  world.advance(9 * MINUTE_MS);
  expect(
    await ownerOf(await world.send(new Request("https://bank.example/me", { headers: { cookie: copied } }))),
  ).toBeNull();
  expect(await ownerFor(browser)).toBe("ada");
});
