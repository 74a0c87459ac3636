import { initTRPC } from "@trpc/server";
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import { Client, Pool } from "pg";
import { z } from "zod";
import { defineFlow, step } from "@sessions/core";
import { createSessions, postgresBus, serve } from "../../index.ts";
import { createSignIns, type SignInsOptions, type Visit, type VisitError } from "../../sign-in/index.ts";

export const payment = defineFlow({
  name: "payment",
  version: 1,
  steps: {
    amount: step({ input: z.object({ cents: z.int() }) }),
    pay: step({ input: z.object({ accepted: z.literal(true) }), confirm: true, fresh: "5m" }),
  },
});

export type PaymentNode = ReturnType<typeof createPaymentNode>;

/**
 * A node whose sign-ins and sessions share its pool and its bus. `/?sign-in-as=` signs an owner in. `/own` and `/cart` are
 * routes of the host itself. It answers the requests of `fetch`, without a port.
 */
export function createPaymentNode({
  url,
  now,
  ...options
}: Omit<SignInsOptions, "database"> & { readonly url: string; readonly now: () => number }) {
  const pool = new Pool({ connectionString: url });
  const bus = postgresBus({ client: () => new Client({ connectionString: url, application_name: "bus" }) });
  const signIns = createSignIns({ database: pool, bus, now, sweeps: false, ...options });
  const sessions = createSessions<{ readonly visit: Visit }>({
    database: pool,
    bus,
    now,
    sweeps: false,
    identify: signIns.identify,
    flows: [serve(payment, {})],
  });
  if (options.visitors) signIns.adopts(sessions.adoption);
  const router = initTRPC.context<{ readonly visit: Visit }>().create().router({
    sessions: sessions.router,
    signIns: signIns.router,
  });
  const answer = (request: Request) =>
    signIns.fetch(request, async (visit) => {
      const { pathname, searchParams } = new URL(request.url);
      const signInAs = searchParams.get("sign-in-as");
      if (signInAs !== null) {
        await visit.signInAs(signInAs, { factors: ["password"] });
        return new Response();
      }
      if (pathname === "/own") {
        const { owner, signIn, guest, csrf } = visit;
        return Response.json({ owner, signIn, guest: guest?.session ?? null, csrf });
      }
      if (pathname === "/cart") {
        const value = searchParams.get("value");
        const { data } = visit as Visit<{ readonly cart: { readonly schema: z.ZodString; readonly per: "owner" } }>;
        const kept = value === null ? data.get("cart") : data.change("cart", () => value);
        return new Response((await kept.catch((error: VisitError) => error.reason)) ?? "nothing");
      }
      return fetchRequestHandler({ endpoint: "", req: request, router, createContext: () => ({ visit }) });
    });
  const close = async () => {
    await sessions.close();
    await signIns.close();
    await pool.end();
  };
  return { answer, signIns, pool, close, migrate: async () => (await signIns.migrate(), sessions.migrate()) };
}
