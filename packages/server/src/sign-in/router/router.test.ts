import { initTRPC } from "@trpc/server";
import { expect, test, vi } from "vitest";
import { MemoryKeeper } from "../../testing/visits/memory-keeper.ts";
import { checkedOptions } from "../options/checked-options.ts";
import type { SignInsOptions } from "../options/options.ts";
import { signInsOver, type SignIns } from "../sign-ins.ts";
import type { Visit } from "../visit/visit.ts";

const FRESH_MS = 300_000;

/** Ada is signed in in two browsers. `check` runs in a request of the first one. */
async function asAda(options: Partial<SignInsOptions>, check: (world: World) => Promise<void>) {
  let nowMs = 1_800_000_000_000;
  const now = () => nowMs;
  const keeper = new MemoryKeeper({ now });
  const signIns = signInsOver(keeper, checkedOptions({ database: {} as never, now, ...options }));
  const t = initTRPC.context<{ readonly visit: Visit }>().create();
  const createCaller = t.createCallerFactory(t.router({ signIns: signIns.router }));
  const signIn = (next: (visit: Visit) => Promise<unknown>) =>
    signIns.fetch(
      new Request("https://bank.example/", { method: "POST", headers: { "sec-fetch-site": "same-origin" } }),
      async (visit) => {
        await visit.signInAs("ada", { factors: ["password"] });
        return Response.json(await next(visit));
      },
    );
  const otherId = (await (await signIn((visit) => Promise.resolve(visit.signIn!.id))).json()) as string;
  await signIn(async (visit) => {
    const caller = createCaller({ visit }).signIns;
    await check({ signIns, keeper, caller, visit, otherId, advance: (ms) => (nowMs += ms) });
    return null;
  });
}

interface World {
  readonly signIns: SignIns;
  readonly keeper: MemoryKeeper;
  readonly caller: ReturnType<SignIns["router"]["createCaller"]>;
  readonly visit: Visit;
  readonly otherId: string;
  advance(ms: number): void;
}

test("with `revoke.fresh`, sign-ins elsewhere end only after a new proof, and signing out needs none", () =>
  asAda({ revoke: { fresh: "5m" } }, async ({ keeper, caller, visit, otherId: id, advance }) => {
    advance(FRESH_MS + 1);
    expect(await caller.revoke({ id })).toEqual({ ended: false, refused: "sign_in_again" });
    expect(await caller.revokeOthers()).toEqual({ ended: 0, refused: "sign_in_again" });
    expect(keeper.live).toHaveLength(2);

    await visit.signInAs("ada", { factors: ["password"] });
    advance(FRESH_MS);
    expect(await caller.revoke({ id })).toEqual({ ended: true });
    expect(await caller.revokeOthers()).toEqual({ ended: 0 });
    advance(FRESH_MS);
    expect(await caller.revoke({ id: visit.signIn!.id })).toEqual({ ended: true });
    await expect(caller.revokeOthers()).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    expect(keeper.live).toEqual([]);
  }));

test("without `revoke.fresh`, an old proof is enough to end sign-ins elsewhere", () =>
  asAda({}, async ({ keeper, caller, advance }) => {
    advance(86_400_000);
    expect(await caller.revokeOthers()).toEqual({ ended: 1 });
    expect(keeper.live).toHaveLength(1);
  }));

const watch = async (caller: World["caller"]) => {
  const stream = (await caller.watch()) as AsyncIterable<object>;
  return stream[Symbol.asyncIterator]();
};

test("S17: a stream is silent until its sign-in ends, and then fails as the next call does", () =>
  asAda({}, async ({ keeper, caller, visit, otherId }) => {
    const stream = await watch(caller);
    expect(await stream.next()).toEqual({ done: false, value: {} });
    const next = stream.next();
    const isEnded = vi.fn();
    void next.catch(isEnded);
    await keeper.end("ada", otherId, "revoked");
    await Promise.resolve();
    expect(isEnded).not.toHaveBeenCalled();
    await keeper.end("ada", visit.signIn!.id, "revoked");
    await expect(next).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    expect(await stream.next()).toMatchObject({ done: true });
    await visit.signOut();
    await expect((await watch(caller)).next()).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  }));

test("S25: an owner has at most 250 streams on a node, and one that ends makes room", () =>
  asAda({}, async ({ caller }) => {
    const streams = await Promise.all(Array.from({ length: 250 }, () => watch(caller)));
    for (const stream of streams) expect(await stream.next()).toMatchObject({ done: false });
    const next = await watch(caller);
    await expect(next.next()).rejects.toMatchObject({ code: "TOO_MANY_REQUESTS" });
    await streams[0]!.return!();
    expect(await (await watch(caller)).next()).toMatchObject({ done: false });
    await Promise.all(streams.map((stream) => stream.return!()));
  }));

test("`endStreams` ends the streams of a node that stops, signs nobody out, and opens no other", () =>
  asAda({}, async ({ signIns, keeper, caller }) => {
    const stream = await watch(caller);
    await stream.next();
    const next = stream.next();
    signIns.endStreams();
    expect(await next).toMatchObject({ done: true });
    await expect((await watch(caller)).next()).rejects.toMatchObject({ code: "SERVICE_UNAVAILABLE" });
    expect(keeper.live).toHaveLength(2);
    expect(await caller.current()).toMatchObject({ owner: "ada" });
  }));
