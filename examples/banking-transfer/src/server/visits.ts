import type { RequestListener } from "node:http";
import { count, createActivity, defineActivity, distinct, type Activities } from "@sessions/server/activity";
import type { SignIns } from "@sessions/server/sign-in";
import { z } from "zod";
import { routeOf, type Route } from "../routes.ts";
import type { Database } from "./database.ts";

const pages = ["home", "side-by-side", "sign-ins", "hand-off", "transfer"] as const satisfies readonly Route["page"][];

/** What people do between transfers. A visit ends when nothing happens for half an hour. */
export const visit = defineActivity({
  name: "visit",
  gap: "30m",
  events: {
    page_loaded: z.object({ page: z.enum(pages) }),
    balance_viewed: z.object({}),
  },
  counts: {
    pages: count("page_loaded"),
    different_pages: distinct("page_loaded", "page"),
    balances: count("balance_viewed"),
  },
});

export type VisitActivity = Activities<readonly [typeof visit]>;

export function createVisits(database: Database, now: () => number): VisitActivity {
  return createActivity({
    database: database.source,
    ...(database.bus && { bus: database.bus }),
    activities: [visit],
    now,
  });
}

/** Records that a person who is known has loaded a page. Nobody waits for it, and a crash may lose it. */
export function recordPages(activity: VisitActivity, signIns: Pick<SignIns, "read">): RequestListener {
  return ({ method, headers, url = "" }) => {
    const page = method === "GET" ? routeOf(url.split("?", 1)[0]!)?.page : undefined;
    if (page === undefined) return;
    const named = { get: (name: string) => headers[name]?.toString() ?? null };
    void signIns.read(named).then(
      ({ owner, visitor }) => {
        const person = owner ?? visitor;
        if (person !== null) activity.recordSoon(person, "page_loaded", { page });
      },
      // The page itself says that the bank does not answer.
      () => {},
    );
  };
}

/** The latest visits of a person, the newest first. */
export async function latestVisits(activity: VisitActivity, owner: string) {
  const { sessions } = await activity.list(owner, visit, { limit: 5 });
  return sessions.map(({ startedMs, lastMs, isOpen, counts }) => ({
    begun: new Date(startedMs).toISOString(),
    minutes: Math.round((lastMs - startedMs) / 60_000),
    pages: counts.pages,
    balances: counts.balances,
    now: isOpen,
  }));
}
