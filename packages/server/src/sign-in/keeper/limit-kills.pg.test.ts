import type { Pool } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cuttingPool } from "../../testing/connections/cutting-pool.ts";
import { freshDatabase } from "../../testing/postgres.ts";
import { countRows, testKeeper } from "../../testing/sign-ins.ts";
import type { SignInLimit } from "./context.ts";

const AT_MOST = 5;
const { pool, url } = await freshDatabase();
beforeAll(() => testKeeper(pool).migrate());

const poolsToEnd: Pool[] = [];
afterAll(() => Promise.all(poolsToEnd.map((each) => each.end())));

/**
 * The statements at which a connection is lost, in turn, each before and after Postgres has executed it. The insert is the
 * first: at the limit there are no more of it.
 */
const places = [/insert into "sessions"."sign_in"/i, /^commit$/i, /for (no key )?update/i, /^(begin|start)/i].flatMap(
  (statement) => (["before", "after"] as const).map((when) => ({ statement, when })),
);

test.each(["refuse", "end-oldest"] as const)(
  "S19: of 60 racing sign-ins at a limit of five, on three nodes that lose their connections at each statement, never more than five live (%s)",
  async (beyond: SignInLimit["beyond"]) => {
    const owner = `ada, ${beyond}`;
    const cutting = Array.from({ length: 3 }, () => cuttingPool({ connectionString: url, max: 3 }));
    poolsToEnd.push(...cutting.map((each) => each.pool));
    const nodes = cutting.map((each) =>
      testKeeper(each.pool, { atMost: { perOwner: AT_MOST, beyond }, report: () => {} }),
    );
    let racing = true;
    let most = 0;
    const cuts = () => cutting.reduce((sum, each) => sum + each.cuts, 0);
    const storm = async () => {
      for (let armed = 0; racing; most = Math.max(most, await countRows(pool, owner))) {
        const place = places[armed];
        if (place === undefined || cuts() < armed) continue;
        cutting[armed % cutting.length]!.cutAt(place.statement, place.when);
        armed += 1;
      }
    };
    const storming = storm();
    const input = { owner, factors: ["password"], device: "Firefox", place: null, current: null };
    const race = () =>
      Promise.all(
        Array.from({ length: 60 }, (_, index) =>
          nodes[index % nodes.length]!.begin(input).catch(({ code }: { readonly code: string }) => code),
        ),
      );
    const begun = await race();
    // On a busy machine the sign-ins may be faster than what cuts the connections.
    for (let more = 0; more < 20 && cuts() < places.length; more += 1) begun.push(...(await race()));
    racing = false;
    await storming;

    expect(cuts()).toBe(places.length);
    expect(most).toBe(AT_MOST);
    expect(await countRows(pool, owner)).toBe(AT_MOST);
    const answers = begun.filter((each) => typeof each === "object");
    // A person whose sign-in met four lost connections is told that the database is away.
    expect(begun.filter((each) => typeof each === "string" && each !== "database_unreachable")).toEqual([]);
    // Each token that was handed out is of a sign-in that lives, or was displaced by a later one.
    const fresh = testKeeper(pool);
    const tokens = answers.flatMap((each) => (each.kind === "begun" ? [each.token] : []));
    const live = await Promise.all(tokens.map(async (token) => (await fresh.check(token)).kind === "live"));
    const ends = await Promise.all(tokens.map((token) => fresh.endOf(token)));
    for (const [index, end] of ends.entries()) {
      expect(live[index] ? null : "displaced").toBe(end?.ending ?? null);
    }
    if (beyond === "refuse") expect(tokens.length).toBeLessThanOrEqual(AT_MOST);
    await Promise.all(nodes.map((node) => node.close()));
  },
);
