import { randomBytes } from "node:crypto";
import { createSignIns } from "@sessions/server/sign-in";
import type { BenchmarkSize, Measurement, MedianRow } from "../../report/result.ts";
import { median } from "../../report/statistics.ts";
import { throughput } from "../../rounds.ts";
import type { DurablePostgres } from "../../servers/database.ts";
import { directCall } from "../../servers/direct-call.ts";
import { ourIdentity } from "../../servers/identity-checks.ts";
import { countStatements } from "../../servers/statement-count.ts";

const CALLERS = 64;
const PEOPLE = 1_000;

/** The parts of a token's text, and those of another person's token. */
type Forge = (own: readonly string[], other: readonly string[]) => readonly string[];

const random = (bytes: number) => randomBytes(bytes).toString("base64url");

/** Texts that can be tokens. The server must ask for a row to know that they are not. */
const forgeries: Readonly<Record<string, Forge>> = {
  "an unknown owner": ([, ...rest]) => [Buffer.from(random(9)).toString("base64url"), ...rest],
  "an unknown id": ([owner, , ...rest]) => [owner!, random(16), ...rest],
  "a forged secret": (own) => own.with(4, random(32)),
  "a forged secret of another generation": (own) => own.with(2, "7").with(4, random(32)),
  "another person's secret": (own, other) => own.with(4, other[4]!),
  "another person's id": (own, other) => own.with(1, other[1]!),
};

/** Texts that no server wrote. */
const noTokens: Readonly<Record<string, Forge>> = {
  "a cut token": (own) => own.with(4, own[4]!.slice(0, -1)),
  "an overlong token": (own) => own.with(4, own[4]!.repeat(80)),
  "two cookies": (own) => own.with(4, `${own[4]}; __Host-sign-in=${own.join(".")}`),
};

/** 11: what a request with a wrong token costs, beside one with the right token. */
export async function measureSignInRefusals(
  postgres: DurablePostgres,
  { rounds, roundMs }: BenchmarkSize,
): Promise<Measurement> {
  const { pool } = await postgres.create("sign_in_refusals");
  // The lease outlasts the measurement, so no statement of it is counted.
  const signIns = createSignIns({ database: pool, sweeps: false, leaseMs: 300_000 });
  await signIns.migrate();
  const right = await ourIdentity(signIns).signIn(PEOPLE);
  const partsOf = (cookie: string) => cookie.slice(cookie.indexOf("=") + 1).split(".");
  const forged = (forge: Forge) =>
    right.map((cookie, index) => `__Host-sign-in=${forge(partsOf(cookie), partsOf(right.at(index - 1)!)).join(".")}`);

  const isRefused = Symbol("refused");
  const kinds = [
    { what: "the right token", cookies: right, expected: "person" as const },
    ...Object.entries({ ...forgeries, ...noTokens }).map(([what, forge]) => ({
      what,
      cookies: forged(forge),
      expected: isRefused,
    })),
  ].map((kind) => ({ ...kind, microseconds: [] as number[], statements: [] as number[] }));
  const counter = countStatements();
  for (let round = 0; round <= rounds; round += 1) {
    for (const { cookies, expected, microseconds, statements } of round % 2 === 0 ? kinds : kinds.toReversed()) {
      let calls = 0;
      const [usedBefore, sentBefore] = [process.cpuUsage(), counter.count()];
      await throughput(CALLERS, roundMs, async () => {
        const { req, res } = directCall({ cookie: cookies[(calls += 1) % PEOPLE]! });
        const visit = await signIns.node(req, res);
        if (visit === null || (visit.owner === null) !== (expected === isRefused)) throw new Error("A wrong answer.");
      });
      const { user, system } = process.cpuUsage(usedBefore);
      if (round === 0) continue;
      microseconds.push((user + system) / calls);
      statements.push(Math.round((1_000 * (counter.count() - sentBefore)) / calls) / 1_000);
    }
  }
  counter.stop();
  await signIns.close();

  const rows = kinds.flatMap(({ what, microseconds, statements }): readonly MedianRow[] => [
    { what, at: null, unit: "µs", median: median(microseconds), rounds: microseconds },
    { what, at: null, unit: "statements", median: median(statements), rounds: statements },
  ]);
  const times = rows.filter(({ what, unit }) => unit === "µs" && what in forgeries).map((row) => row.median);
  return {
    name: "sign-in-refusals",
    title: "Wrong tokens",
    how:
      `${CALLERS} callers call the handler directly with cookies of ${PEOPLE.toLocaleString("en")} people, of whom each is signed in. ` +
      "The number is the processor time of Node for a request, without that of Postgres. The kinds take turns in each round.",
    rows,
    ratios: [{ what: "the slowest forged token ÷ the fastest", value: Math.max(...times) / Math.min(...times) }],
  };
}
