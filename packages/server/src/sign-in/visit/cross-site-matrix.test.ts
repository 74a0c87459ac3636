import { expect, test } from "vitest";
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import { initTRPC } from "@trpc/server";
import { checkedOptions } from "../options/checked-options.ts";
import { signInsOver } from "../sign-ins.ts";
import { MemoryKeeper } from "../../testing/visits/memory-keeper.ts";
import type { Visit } from "./visit.ts";

const sites = [null, "same-origin", "none", "same-site", "cross-site", "same-origin, cross-site", ""];
const origins = [null, "https://bank.example", "https://app.bank.example", "https://evil.example", "null"];
const credentials = ["none", "cookie", "bearer", "both"] as const;
const changes = ["signInAs", "signOut", "router.signOut", "router.revoke", "router.revokeOthers"];

/** Whether a request with these headers may come from the application's own pages, or from no page at all. */
function isOwn(site: string | null, origin: string | null, credential: (typeof credentials)[number]): boolean {
  if (credential === "bearer" || credential === "both") return true;
  if (origin === "https://app.bank.example") return true;
  if (site !== null) return site === "same-origin" || site === "none";
  if (origin !== null) return origin === "https://bank.example";
  return credential === "none";
}

async function createWorld() {
  const keeper = new MemoryKeeper({ now: Date.now });
  const options = checkedOptions({ database: {} as never, origins: ["https://app.bank.example"] });
  const signIns = signInsOver(keeper, options);
  const t = initTRPC.context<{ readonly visit: Visit }>().create();
  const router = t.router({ router: signIns.router });
  const serve = (request: Request) =>
    signIns.fetch(request, async (visit) => {
      const { pathname } = new URL(request.url);
      if (pathname.startsWith("/router.")) {
        return fetchRequestHandler({ req: request, router, endpoint: "/", createContext: () => ({ visit }) });
      }
      if (pathname === "/signInAs") await visit.signInAs("mallory", { factors: ["password"] });
      else await visit.signOut();
      return new Response();
    });
  const post = (headers: Record<string, string>) =>
    new Request("https://bank.example/", { method: "POST", headers: { "sec-fetch-site": "same-origin", ...headers } });
  const signedIn = await signIns.fetch(post({}), async (visit) => {
    await visit.signInAs("ada", { factors: ["password"] });
    return Response.json(visit.csrf);
  });
  const cookie = signedIn.headers.getSetCookie()[0]!.split(";")[0]!;
  return { keeper, serve, cookie, csrf: (await signedIn.json()) as string };
}

test.each(changes)("every request for %s is judged by its site, its origin and its credential", async (change) => {
  for (const site of sites) {
    for (const origin of origins) {
      for (const credential of credentials) {
        const { keeper, serve, cookie, csrf } = await createWorld();
        const before = keeper.live;
        const headers = new Headers({ "content-type": "application/json", "sign-in-csrf": csrf });
        if (site !== null) headers.set("sec-fetch-site", site);
        if (origin !== null) headers.set("origin", origin);
        if (credential !== "none" && credential !== "bearer") headers.set("cookie", cookie);
        if (credential === "bearer" || credential === "both") {
          headers.set("authorization", `Bearer ${cookie.slice(cookie.indexOf("=") + 1)}`);
        }
        const body = JSON.stringify({ id: before[0]!.publicId });
        const answered = await serve(new Request(`https://bank.example/${change}`, { method: "POST", headers, body }));
        const own = isOwn(site, origin, credential);
        expect(answered.status !== 403, `${site} ${origin} ${credential}`).toBe(own);
        if (own) continue;
        expect(await answered.json()).toMatchObject({
          error: "cross_site",
          message: expect.stringContaining("Origin"),
        });
        expect(answered.headers.getSetCookie()).toEqual([]);
        expect(keeper.live).toEqual(before);
      }
    }
  }
});
