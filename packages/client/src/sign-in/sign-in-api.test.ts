import { initTRPC, TRPCError } from "@trpc/server";
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { z } from "zod";
import { browserEnvironment } from "../environment.ts";
import { createSignInApi } from "./sign-in-api.ts";

const t = initTRPC.context<{ readonly headers: Headers }>().create();
const change = t.procedure.use(({ ctx, next }) => {
  if (ctx.headers.get("sign-in-csrf") !== "right") throw new TRPCError({ code: "FORBIDDEN" });
  return next();
});
const current = { owner: "ada", signIn: { id: "s" }, csrf: "right", ended: null };
const router = t.router({
  signIns: t.router({
    current: t.procedure.query(() => current),
    list: t.procedure
      .input(z.object({ limit: z.int().default(50), after: z.string().optional() }).default({ limit: 50 }))
      .query(({ input }) => ({ signIns: [], next: `after ${input.after}` })),
    revoke: change.input(z.object({ id: z.string() })).mutation(({ input: { id } }) => ({ ended: id === "s" })),
    revokeOthers: change.mutation(() => ({ ended: 3 })),
    signOut: change.mutation((): { ended: boolean } => {
      throw new TRPCError({ code: "UNAUTHORIZED" });
    }),
    data: t.router({
      get: t.procedure.input(z.object({ key: z.string() })).query(({ input: { key } }) => ({ version: 1, value: key })),
      set: change
        .input(z.object({ key: z.string(), base: z.int(), change: z.uuid(), value: z.unknown() }))
        .mutation(({ input: { base } }) => ({ status: "changed", version: base + 1 })),
    }),
  }),
});

// Both ends are real; only the wire between them is not.
const toRouter: typeof fetch = (input, init) => {
  const req = new Request(input, init);
  return fetchRequestHandler({ endpoint: "/trpc", req, router, createContext: () => ({ headers: req.headers }) });
};
const wire = vi.fn<typeof fetch>();
beforeEach(() => {
  wire.mockImplementation(toRouter);
  vi.stubGlobal("fetch", wire);
});
afterEach(() => {
  wire.mockClear();
  vi.unstubAllGlobals();
});

const apiAt = (mount = "signIns") =>
  createSignInApi({
    url: "http://127.0.0.1/trpc",
    mount,
    credentials: "include",
    headers: () => ({ "x-own": "1" }),
    environment: { ...browserEnvironment, after: (_, run) => browserEnvironment.after(0, run) },
  });

test("each procedure of a tRPC router is called as it expects", async () => {
  const api = apiAt();
  expect(await api.current()).toEqual(current);
  expect(await api.list(undefined)).toEqual({ signIns: [], next: "after undefined" });
  expect(await api.list("a b&c")).toEqual({ signIns: [], next: "after a b&c" });
  expect(await api.change("revoke", { csrf: "right", input: { id: "s" } })).toEqual({ ended: true });
  expect(await api.change("revokeOthers", { csrf: "right" })).toEqual({ ended: 3 });
  expect(await api.change("revokeOthers", { csrf: "wrong" })).toBe("mismatch");
  expect(await api.change("signOut", { csrf: "right" })).toBe("signed_out");
  expect(await api.data("theme of a&b")).toEqual({ version: 1, value: "theme of a&b" });
  const set = { key: "theme", base: 1, change: browserEnvironment.id(), value: "dark" };
  expect(await api.change("data.set", { csrf: "right", input: set })).toEqual({ status: "changed", version: 2 });
  for (const [, init] of wire.mock.calls) {
    expect(init).toMatchObject({ credentials: "include", cache: "no-store", headers: { "x-own": "1" } });
  }
});

test.for<[string, () => Response, string]>([
  ["a page", () => new Response("<html>", { headers: { "content-type": "text/html" } }), "answer_unexpected"],
  ["JSON of another program", () => Response.json({ owner: "ada" }), "answer_unexpected"],
  ["a failure", () => new Response("", { status: 500 }), "server_unreachable"],
  ["no room, again and again", () => new Response("", { status: 503 }), "server_unreachable"],
])("%s in the router's place is told by its code, and nothing is made of it", async ([, answer, code]) => {
  wire.mockImplementation(() => Promise.resolve(answer()));
  await expect(apiAt().current()).rejects.toMatchObject({ code });
  await expect(apiAt().change("revokeOthers", { csrf: "right" })).rejects.toMatchObject({ code });
});

test("an address without the router, and a server that is away, are told", async () => {
  await expect(apiAt("elsewhere").current()).rejects.toMatchObject({ code: "router_not_found" });
  wire.mockImplementation(() => Promise.reject(new TypeError("Failed to fetch")));
  await expect(apiAt().list(undefined)).rejects.toMatchObject({ code: "server_unreachable" });
});
