import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { CookieLoadRequest } from "../../cookie-load.ts";
import type { BenchmarkSize, Figure, Measurement, MedianRow } from "../../report/result.ts";
import { median } from "../../report/statistics.ts";
import { medianOf } from "../../rounds.ts";
import type { DurablePostgres } from "../../servers/database.ts";
import type { CheckName, IdentityQuestion, Usage } from "../../servers/identity-server.ts";

const CALLERS = 64;
const execArgv = ["--conditions=@sessions/source"];

/** What is compared, by its name in the processes that answer. */
const titles: Readonly<Record<CheckName, string>> = {
  none: "no check",
  ours: "sign-ins",
  iron: "iron-session",
  betterAuthCached: "better-auth, cookie cache",
  betterAuth: "better-auth",
  expressWithoutTouch: "express-session + connect-pg-simple, no touch",
  express: "express-session + connect-pg-simple",
};

const DIRECT = "called directly";
const HTTP = "over HTTP";

/** 8: one request that asks who is signed in. */
export async function measureSignInChecks(
  postgres: DurablePostgres,
  { rounds, roundMs }: BenchmarkSize,
): Promise<Measurement> {
  const load = fork(new URL("../../cookie-load.ts", import.meta.url), { execArgv });
  const servers = [];
  for (const check of Object.keys(titles) as CheckName[]) {
    const { url: databaseUrl } = await postgres.create(`who_${check.toLowerCase()}`);
    const server = fork(new URL("../../servers/identity-server.ts", import.meta.url), [check, databaseUrl], {
      execArgv,
    });
    const [{ url, cookies }] = (await once(server, "message")) as [{ url: string; cookies: readonly string[] }];
    servers.push({ check, server, url, cookies });
  }

  const found = servers.flatMap(({ check, server, url, cookies }) => {
    const run = {
      [DIRECT]: () => ask<Usage>(server, { kind: "direct", callers: CALLERS, ms: roundMs }),
      [HTTP]: () => ask<number>(load, { url, cookies, callers: CALLERS, ms: roundMs }),
    } as const;
    return ([DIRECT, HTTP] as const).map((way) => ({
      check,
      server,
      way,
      run: run[way],
      microseconds: [] as number[],
      statements: [] as number[],
    }));
  });
  for (let round = 0; round <= rounds; round += 1) {
    for (const { server, run, microseconds, statements } of round % 2 === 0 ? found : found.toReversed()) {
      const before = await ask<Usage>(server, { kind: "usage" });
      await run();
      const after = await ask<Usage>(server, { kind: "usage" });
      const calls = after.calls - before.calls;
      // The first round compiles, and fills caches.
      if (round === 0) continue;
      microseconds.push((after.processorUs - before.processorUs) / calls);
      statements.push((after.statements - before.statements) / calls);
    }
  }
  load.kill();
  for (const { server } of servers) server.kill();

  const rows = found.flatMap(({ check, way, microseconds, statements }): readonly MedianRow[] => {
    const row = (unit: string, values: readonly number[]) => ({
      what: `${titles[check]}, ${way}`,
      at: null,
      unit,
      median: median(values),
      rounds: values,
    });
    return way === DIRECT
      ? [
          row("µs", microseconds),
          row(
            "statements",
            statements.map((value) => Math.round(value * 1_000) / 1_000),
          ),
        ]
      : [row("µs", microseconds)];
  });
  const own = (check: CheckName, way: string) =>
    medianOf(
      rows.filter(({ unit }) => unit === "µs"),
      `${titles[check]}, ${way}`,
    );
  const ratio = (check: CheckName, way: string, atLeast?: number): Figure => ({
    what: `${titles[check]} ÷ sign-ins, ${way}`,
    value: own(check, way) / own("ours", way),
    ...(atLeast !== undefined && { target: { atLeast } }),
  });
  const perRequest = rows.find(({ what, unit }) => what === `${titles.ours}, ${DIRECT}` && unit === "statements")!;
  return {
    name: "sign-in-checks",
    title: "Who is signed in",
    how:
      `One Node process answers requests that ask who is signed in: ${CALLERS} callers, and 1,000 people in turns. Each product has a ` +
      "process of its own, and is a handler of `node:http` without a framework, with its usual settings. The number is the " +
      "processor time of that process for a request. Other work of the machine changes it less than the time that passes. It does " +
      "not include the time of Postgres. The handler is called directly with Node's request and response, and over HTTP, which " +
      "adds its own time to all of them.",
    rows,
    ratios: [
      { what: "statements of a sign-in check", value: perRequest.median, target: { atMost: 0 } },
      ratio("express", DIRECT, 10),
      ratio("expressWithoutTouch", DIRECT),
      ratio("betterAuthCached", DIRECT, 3),
      ratio("betterAuth", DIRECT),
      ratio("iron", DIRECT, 1),
      ratio("express", HTTP),
      ratio("betterAuthCached", HTTP),
      ratio("iron", HTTP),
    ],
  };
}

async function ask<Answer>(process: ChildProcess, question: IdentityQuestion | CookieLoadRequest): Promise<Answer> {
  process.send(question);
  const [answer] = (await once(process, "message")) as [Answer];
  return answer;
}
