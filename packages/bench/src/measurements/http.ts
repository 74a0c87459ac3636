import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createNode } from "../servers/application.ts";
import type { DurablePostgres } from "../servers/database.ts";
import type { LoadRequest } from "../load.ts";
import type { BenchmarkSize, Measurement } from "../report/result.ts";
import { compareVariants, medianOf, type Variant } from "../rounds.ts";
import { serveExpress, serveTrpc } from "../servers/http-server.ts";

const CALLERS = [1, 16, 64];

/** 2: the same over HTTP. */
export async function measureHttp(postgres: DurablePostgres, { rounds, roundMs }: BenchmarkSize): Promise<Measurement> {
  const { pool } = await postgres.create("http");
  const node = createNode(pool);
  await node.migrate();
  const trpc = await serveTrpc(node);
  const classic = await serveExpress(pool);
  const load = fork(new URL("../load.ts", import.meta.url), { execArgv: ["--conditions=@sessions/source"] });

  const of = (what: string, kind: LoadRequest["kind"], url: string) =>
    CALLERS.map((callers): Variant => ({
      what,
      at: callers,
      unit: "requests/s",
      round: () => ask(load, { kind, url, callers, ms: roundMs }),
    }));
  const rows = await compareVariants(
    [
      ...of("sessions.push", "sessions", trpc.url),
      ...of("sessions.push through the lane", "lane", trpc.url),
      ...of("no-op mutation", "noop", trpc.url),
      ...of("express-session + connect-pg-simple", "express", classic.url),
    ],
    rounds,
  );

  load.kill();
  await trpc.close();
  await classic.close();
  await node.close();
  const ratio = (other: string, at: number, mine = "sessions.push") =>
    medianOf(rows, mine, at) / medianOf(rows, other, at);
  return {
    name: "http",
    title: "Durable submissions over HTTP",
    how:
      "One Node process serves all requests. Another process makes the load, and uses a part of the two cores. Each caller has a " +
      "kept-alive connection. The no-op mutation gets the same body, and parses it with the same schema.",
    rows,
    ratios: [
      {
        what: "sessions.push ÷ no-op mutation, 64 callers",
        value: ratio("no-op mutation", 64),
        target: { atLeast: 0.85 },
      },
      {
        what: "sessions.push through the lane ÷ no-op mutation, 64 callers",
        value: ratio("no-op mutation", 64, "sessions.push through the lane"),
        target: { atLeast: 1.5 },
      },
      {
        what: "sessions.push ÷ express-session + connect-pg-simple, 64 callers",
        value: ratio("express-session + connect-pg-simple", 64),
      },
    ],
  };
}

async function ask(load: ChildProcess, request: LoadRequest): Promise<number> {
  const ended = new AbortController();
  load.send(request);
  const answered = once(load, "message", { signal: ended.signal }) as Promise<[number]>;
  const failed = once(load, "exit", { signal: ended.signal }).then(() => {
    throw new Error("The process that makes the load has ended.");
  });
  try {
    const [rate] = await Promise.race([answered, failed]);
    return rate;
  } finally {
    ended.abort();
    await Promise.allSettled([answered, failed]);
  }
}
