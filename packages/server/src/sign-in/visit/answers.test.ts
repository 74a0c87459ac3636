import { expect, test, vi } from "vitest";
import { SessionsError } from "@sessions/core/internal";
import { checkedOptions } from "../options/checked-options.ts";
import type { SignInsOptions } from "../options/options.ts";
import { signInsOver } from "../sign-ins.ts";
import { MemoryKeeper } from "../../testing/visits/memory-keeper.ts";
import type { Visit } from "./visit.ts";

const DAY_MS = 86_400_000;

/** Sign-ins in memory, and a browser's requests to them. */
function createWorld(options: Partial<SignInsOptions> = {}) {
  let nowMs = 1_800_000_000_000;
  const now = () => nowMs;
  const keeper = new MemoryKeeper({ now });
  const faults: SessionsError[] = [];
  const given = { now, onError: (fault: SessionsError) => void faults.push(fault), ...options };
  const signIns = signInsOver(keeper, checkedOptions({ database: {} as never, ...given }));
  const requestOf = (cookie?: string, headers: Record<string, string> = {}) =>
    new Request("https://bank.example/", {
      method: "POST",
      headers: { "sec-fetch-site": "same-origin", ...(cookie !== undefined && { cookie }), ...headers },
    });
  const signInAs = async (owner: string, cookie?: string) =>
    cookieOf(
      await signIns.fetch(requestOf(cookie), async (visit) => Response.json(await visit.signInAs(owner, { factors }))),
    )!;
  return { keeper, signIns, faults, requestOf, signInAs, advance: (ms: number) => (nowMs += ms) };
}

const factors = ["password"];
const phone =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1";
const laptop = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0";

function cookieOf(response: Response): string | undefined {
  const cookies = response.headers.getSetCookie();
  expect(cookies.length).toBeLessThan(2);
  return cookies[0]?.split(";")[0];
}

/** A request whose answer is held up until it is released. */
function heldRequest({ signIns, requestOf }: ReturnType<typeof createWorld>, cookie: string) {
  const { promise: checked, resolve: onChecked } = Promise.withResolvers<Visit>();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const response = signIns.fetch(requestOf(cookie), async (visit) => {
    onChecked(visit);
    await released;
    return new Response();
  });
  return { checked, release, response };
}

test("S16: an answer that began before a new proof hands out no older secret after it", async () => {
  const world = createWorld();
  const cookie = await world.signInAs("ada");
  world.advance(DAY_MS + 1);
  const slow = heldRequest(world, cookie);
  await slow.checked;
  const quick = heldRequest(world, cookie);
  await quick.checked;
  quick.release();
  expect(cookieOf(await quick.response)).toBeDefined();
  const proved = await world.signInAs("ada", cookie);
  slow.release();
  expect(cookieOf(await slow.response)).toBeUndefined();
  expect((await world.signIns.read(world.requestOf(proved).headers)).owner).toBe("ada");
});

test("S16: an answer that began before a new proof on another node hands out nothing, once the node has heard of it", async () => {
  const world = createWorld();
  const cookie = await world.signInAs("ada");
  world.advance(DAY_MS + 1);
  const slow = heldRequest(world, cookie);
  await slow.checked;
  // The keeper knows of it at once. A real one learns of another node's proof with the notice.
  const [current] = world.keeper.live;
  await world.keeper.begin({ owner: "ada", factors, device: "Firefox on Linux", place: null, current: current! });
  slow.release();
  expect(cookieOf(await slow.response)).toBeUndefined();
});

test.each(["another owner signs in", "the sign-in is revoked", "everybody is out"])(
  "S16: an answer that began before %s hands out nothing after it",
  async (name) => {
    const world = createWorld();
    const cookie = await world.signInAs("ada");
    world.advance(DAY_MS + 1);
    const slow = heldRequest(world, cookie);
    await slow.checked;
    if (name === "another owner signs in") await world.signInAs("grace", cookie);
    else if (name === "the sign-in is revoked") await world.signIns.endAll("ada");
    else await world.signIns.endEverybody();
    slow.release();
    expect(cookieOf(await slow.response)).toBeUndefined();
  },
);

test("S16: whatever the order of the answers, a browser holds the next secret after any of them", async () => {
  const world = createWorld();
  const cookie = await world.signInAs("ada");
  world.advance(DAY_MS + 1);
  const held = Array.from({ length: 5 }, () => heldRequest(world, cookie));
  await Promise.all(held.map(({ checked }) => checked));
  for (const { release } of held.toReversed()) release();
  const cookies = (await Promise.all(held.map(({ response }) => response))).map(cookieOf);
  expect(new Set(cookies).size).toBe(5);
  expect(new Set(cookies.map((one) => one?.split(".")[4])).size).toBe(1);
  for (const one of cookies) expect((await world.signIns.read(world.requestOf(one).headers)).owner).toBe("ada");
});

test("no cookie leaves before the sign-in is committed, and none if the commit is not known", async () => {
  const world = createWorld();
  const { promise: committed, reject } = Promise.withResolvers<void>();
  world.keeper.gate = () => committed;
  const response = world.signIns.fetch(world.requestOf(), async (visit) => {
    const refused = await visit.signInAs("ada", { factors }).catch((error: unknown) => error);
    return Response.json(refused, { status: 503 });
  });
  reject(new SessionsError("database_unreachable", "Lost at the commit."));
  const answered = await response;
  expect([cookieOf(answered), answered.headers.get("retry-after")]).toEqual([undefined, "2"]);
  expect(world.faults).toMatchObject([{ code: "database_unreachable" }]);
});

test("two changes of one request happen one after the other, and its answer has the last one's cookie", async () => {
  const world = createWorld();
  const response = await world.signIns.fetch(world.requestOf(), async (visit) => {
    await Promise.all([visit.signInAs("ada", { factors }), visit.signInAs("grace", { factors }), visit.signOut()]);
    await visit.signInAs("ada", { factors });
    return new Response();
  });
  expect(world.keeper.live).toMatchObject([{ owner: "ada" }]);
  expect((await world.signIns.read(world.requestOf(cookieOf(response)).headers)).owner).toBe("ada");
});

test("a sign-in after the headers have left is refused before it exists", async () => {
  const world = createWorld();
  let late: Visit | undefined;
  await world.signIns.fetch(world.requestOf(), (visit) => {
    late = visit;
    return new Response();
  });
  await expect(late!.signInAs("ada", { factors })).rejects.toMatchObject({ code: "configuration_invalid" });
  expect(world.keeper.live).toEqual([]);
});

test("a limit's refusal is data, and no failed proof", async () => {
  const keeper = new MemoryKeeper({ now: Date.now, perOwner: 1 });
  const signIns = signInsOver(keeper, checkedOptions({ database: {} as never }));
  const signIn = () =>
    signIns.fetch(new Request("https://bank.example/", { method: "POST" }), async (visit) =>
      Response.json(await visit.signInAs("ada", { factors })),
    );
  expect(await (await signIn()).json()).toEqual({ ok: true });
  const refused = await signIn();
  expect(await refused.json()).toEqual({ ok: false, refused: "sign_in_limit" });
  expect(cookieOf(refused)).toBeUndefined();
});

test("a response whose headers cannot be changed gets the cookie too", async () => {
  const world = createWorld();
  for (const fixed of [Response.redirect("https://bank.example/home"), await fetch("data:,text")]) {
    const response = await world.signIns.fetch(world.requestOf(), async (visit) => {
      await visit.signInAs("ada", { factors });
      return fixed;
    });
    expect([response.status, response.headers.get("location")]).toEqual([fixed.status, fixed.headers.get("location")]);
    expect(cookieOf(response)).toBeDefined();
    expect(response.headers.get("cache-control")).toBe("no-store");
  }
});

test("a stream of tRPC stays uncompressed when it brings a cookie", async () => {
  const world = createWorld();
  const response = await world.signIns.fetch(world.requestOf(), async (visit) => {
    await visit.signInAs("ada", { factors });
    return new Response("", { headers: { "cache-control": "no-cache, no-transform" } });
  });
  expect(response.headers.get("cache-control")).toBe("no-store, no-transform");
});

test.each([
  ["an owner", { owner: "" }],
  ["an owner", { owner: "x".repeat(201) }],
  ["an owner", { owner: "\ud800" }],
  ["`factors`", { factors: [] }],
  ["`factors`", { factors: ["Pass word"] }],
  ["`factors`", { factors: Array.from({ length: 11 }, () => "password") }],
  ["`device`", { device: "" }],
  ["`device`", { device: "x".repeat(101) }],
])("%s that cannot be kept is refused without its text: %o", async (what, given) => {
  const world = createWorld();
  const { owner, ...options } = { owner: "ada", factors, ...given };
  const refused = world.signIns.fetch(world.requestOf(), async (visit) =>
    Response.json(await visit.signInAs(owner, options)),
  );
  await expect(refused).rejects.toThrow(new RegExp(`^context_invalid: .*${what}`));
  await expect(refused).rejects.not.toThrow(/xxx|Pass word/);
  expect(world.keeper.live).toEqual([]);
});

test("a GET request with a cookie signs nobody out, and one with a bearer token does", async () => {
  const world = createWorld();
  const cookie = await world.signInAs("ada");
  const getWith = (headers: Record<string, string>) =>
    world.signIns.fetch(new Request("https://bank.example/", { headers }), async (visit) => {
      await visit.revokeOthers();
      await visit.revoke(visit.signIn!.id);
      await visit.revokeOthers();
      return new Response();
    });
  expect((await getWith({ cookie })).status).toBe(405);
  expect(world.keeper.live).toHaveLength(1);
  const token = cookie.slice(cookie.indexOf("=") + 1);
  expect((await getWith({ authorization: `Bearer ${token}` })).status).toBe(401);
  expect(world.keeper.live).toHaveLength(0);
});

test("a request that does not fit its sign-in is decided about, and noted once an hour", async () => {
  const signal = vi.fn<NonNullable<SignInsOptions["signal"]>>(() => "note");
  const world = createWorld({ signal, locate: ({ headers }) => headers.get("cf-ipcountry") });
  const noted = vi.spyOn(world.keeper, "noteSignal");
  const signedIn = await world.signIns.fetch(
    world.requestOf(undefined, { "user-agent": phone, "cf-ipcountry": "BE" }),
    async (visit) => Response.json(await visit.signInAs("ada", { factors })),
  );
  const cookie = cookieOf(signedIn);
  const ownerIn = async (headers: Record<string, string>) =>
    (await world.signIns.read(world.requestOf(cookie, headers).headers)).owner;
  expect(await ownerIn({ "user-agent": phone, "cf-ipcountry": "BE" })).toBe("ada");
  expect(signal).not.toHaveBeenCalled();
  for (let times = 0; times < 3; times += 1) await ownerIn({ "user-agent": phone, "cf-ipcountry": "NL" });
  expect(signal.mock.calls).toMatchObject(Array.from({ length: 3 }, () => [{ kind: "place_changed", owner: "ada" }]));
  expect(noted.mock.calls.map(([, kind]) => kind)).toEqual(["place_changed"]);
  world.advance(3_600_001);
  await ownerIn({ "user-agent": phone, "cf-ipcountry": "NL" });
  expect(noted).toHaveBeenCalledTimes(2);
  signal.mockReturnValue("revoke");
  expect(await ownerIn({ "user-agent": laptop })).toBeNull();
  expect(world.keeper.live).toEqual([]);
});

test("an answer that read who is signed in is in no cache, unless the application says how long", async () => {
  const world = createWorld();
  const cookie = await world.signInAs("ada");
  const answerOf = (respond: (visit: Visit) => Response) => world.signIns.fetch(world.requestOf(cookie), respond);
  const told = await answerOf((visit) => Response.json({ owner: visit.owner }));
  expect(told.headers.get("cache-control")).toBe("no-store");
  expect((await answerOf(() => new Response("the same for all"))).headers.get("cache-control")).toBeNull();
  const headers = { "cache-control": "private, max-age=60" };
  const decided = await answerOf((visit) => Response.json({ owner: visit.owner }, { headers }));
  expect(decided.headers.get("cache-control")).toBe("private, max-age=60");
});

test("`signInAs` without its options, or with a wrong one, names the option", async () => {
  const world = createWorld();
  const asked = async (options: unknown) => {
    const answered = await world.signIns.fetch(world.requestOf(), (visit) =>
      visit.signInAs("ada", options as { factors: string[] }).then(
        () => new Response("signed in"),
        (error: unknown) => new Response(String(error)),
      ),
    );
    return answered.text();
  };
  expect(await asked(undefined)).toContain("context_invalid: `factors`");
  expect(await asked(null)).toContain("context_invalid: `factors`");
  expect(await asked({ factors, as: "header" })).toContain("context_invalid: `as`");
});
