import { randomBytes } from "node:crypto";
import { expect, onTestFinished, test, vi } from "vitest";
import { checkedOptions } from "../../options/checked-options.ts";
import type { SignInsOptions } from "../../options/options.ts";
import { signInsOver } from "../../sign-ins.ts";
import { away, MemoryKeeper } from "../../../testing/visits/memory-keeper.ts";

const TRUST_MS = 30_000;
const factors = ["password"];
const seal = { keys: [randomBytes(32).toString("base64url")], trustMs: TRUST_MS };

async function createWorld(given: Partial<SignInsOptions> = {}) {
  let nowMs = 1_800_000_000_000;
  const keeper = new MemoryKeeper({ now: () => nowMs });
  const options = checkedOptions({ database: {} as never, seal, now: () => nowMs, onError: () => {}, ...given });
  const signIns = signInsOver(keeper, options);
  const check = vi.spyOn(keeper, "check");
  const jar = new Map<string, string>();
  const request = async (change?: "signIn" | "signOut") => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = { "sec-fetch-site": "same-origin", cookie };
    const answered = await signIns.fetch(
      new Request("https://bank.example/", { method: "POST", headers }),
      async (visit) => {
        if (change === "signIn") await visit.signInAs("ada", { factors });
        if (change === "signOut") await visit.signOut();
        return new Response(visit.owner);
      },
    );
    for (const set of answered.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(set)!;
      if (set.includes("Max-Age=0")) jar.delete(name!);
      else jar.set(name!, value!);
    }
    return {
      owner: await answered.text(),
      status: answered.status,
      names: answered.headers.getSetCookie().map(nameOf),
    };
  };
  await request("signIn");
  const watch = async () => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const visit = await signIns.read(new Headers({ host: "bank.example", "x-forwarded-proto": "https", cookie }));
    const stream = (await signIns.router.createCaller({ visit }).watch()) as AsyncIterable<object>;
    return stream[Symbol.asyncIterator]();
  };
  return { keeper, check, jar, request, watch, advance: (ms: number) => (nowMs += ms) };
}

const nameOf = (cookie: string) => cookie.slice(0, cookie.indexOf("="));
const SEAL = "__Host-sign-in-seal";
const TOKEN = "__Host-sign-in";

test("a sealed copy is believed without a question for its time, and then there is a new one", async () => {
  const { check, jar, request, advance } = await createWorld();
  expect([...jar.keys()]).toEqual([TOKEN, SEAL]);
  advance(TRUST_MS - 1);
  expect(await request()).toEqual({ owner: "ada", status: 200, names: [] });
  expect(check).not.toHaveBeenCalled();
  advance(1);
  expect(await request()).toEqual({ owner: "ada", status: 200, names: [SEAL] });
  expect(check).toHaveBeenCalledOnce();
  expect((await request()).names).toEqual([]);
  expect(check).toHaveBeenCalledOnce();
});

test("S17: a sealed copy is not believed by a node that has heard of the end", async () => {
  const { keeper, request } = await createWorld();
  await keeper.endAll("ada");
  expect(await request()).toEqual({ owner: "", status: 200, names: [] });
});

test("S17: a stream that a sealed copy has opened is not believed longer than the copy, on a node that never hears of the end", async () => {
  const [{ jar, advance: advanceOther }, node] = [await createWorld(), await createWorld()];
  node.jar.clear();
  for (const [name, value] of jar) node.jar.set(name, value);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  node.advance(TRUST_MS - 10);
  advanceOther(TRUST_MS - 10);
  const stream = await node.watch();
  expect(await stream.next()).toEqual({ done: false, value: {} });
  const next = stream.next();
  node.advance(10);
  await vi.advanceTimersByTimeAsync(9);
  expect(await Promise.race([next, Promise.resolve("open")])).toBe("open");
  await vi.advanceTimersByTimeAsync(1);
  expect(await next).toMatchObject({ done: true });
  await expect((await node.watch()).next()).rejects.toMatchObject({ code: "UNAUTHORIZED" });
});

test("a copy beside another token is worth nothing, and a sign-out takes both cookies back", async () => {
  const { check, jar, request } = await createWorld();
  const old = jar.get(SEAL)!;
  await request("signIn");
  jar.set(SEAL, old);
  expect((await request()).owner).toBe("ada");
  expect(check).toHaveBeenCalledOnce();
  expect((await request("signOut")).names).toEqual([TOKEN, SEAL]);
  expect(jar.size).toBe(0);
});

test("while Postgres is away, a sealed copy is believed, and nothing is after it", async () => {
  const { keeper, request, advance } = await createWorld();
  keeper.gate = away;
  expect((await request()).owner).toBe("ada");
  advance(TRUST_MS);
  expect(await request()).toMatchObject({ status: 503, names: [] });
});

test("S18: a token and its sealed copy are nobody to the sign-ins of another schema, under the same keys too", async () => {
  const customers = await createWorld();
  for (const [schema, name] of [
    ["staff", "sign-in"],
    ["staff", "staff-sign-in"],
    ["sessions", "staff-sign-in"],
  ] as const) {
    const staff = await createWorld({ schema, cookieName: name });
    staff.jar.clear();
    staff.jar.set(`__Host-${name}`, customers.jar.get(TOKEN)!).set(`__Host-${name}-seal`, customers.jar.get(SEAL)!);
    expect(await staff.request()).toEqual({ owner: "", status: 200, names: [] });
  }
  expect((await customers.request()).owner).toBe("ada");
  expect(customers.check).not.toHaveBeenCalled();
});
