import type { PoolClient } from "pg";
import { v7 as uuidv7 } from "uuid";
import { beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineFlow, PROTOCOL_VERSION, step, type WatchEvent } from "@sessions/core/internal";
import { createSessions, serve, type SessionsOptions } from "../../index.ts";
import { createBank, createLedger, start, submit, TestClient, type Context } from "../../testing/bank.ts";
import { freshDatabase } from "../../testing/postgres.ts";

const { pool } = await freshDatabase();

beforeAll(async () => {
  await createBank(pool).migrate();
  await createLedger(pool);
  await pool.query("create table parent (id integer primary key)");
  await pool.query("create table child (id integer references parent deferrable initially deferred)");
});

type Around = (text: string, run: () => Promise<unknown>) => Promise<unknown>;

/** The pool with something done around each statement: held up before it, or the connection broken after it. */
function around(meddle: Around): SessionsOptions<Context>["database"] {
  const wrapped = (client: PoolClient) =>
    new Proxy(client, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== "function") return member;
        if (name !== "query") return member.bind(target) as unknown;
        return (...given: [string | { text: string }, unknown[]?]) => {
          const text = typeof given[0] === "string" ? given[0] : given[0].text;
          return meddle(text, () => member.apply(target, given) as Promise<unknown>);
        };
      },
    });
  const known = new WeakMap<PoolClient, PoolClient>();
  const connect = async () => {
    const client = await pool.connect();
    const proxy = known.get(client) ?? wrapped(client);
    known.set(client, proxy);
    return proxy;
  };
  return { connect, end: () => Promise.resolve(), options: {} };
}

const one = defineFlow({ name: "one", version: 1, steps: { only: step({ input: z.object({ n: z.int() }) }) } });

test("S2, S5, S6: a start that is held up while its repeat begins and ends the session completes nothing again", async () => {
  const completed: string[] = [];
  const node = (database: SessionsOptions<Context>["database"]) =>
    createSessions<Context>({
      database,
      identify: () => ({ owner: "ada" }),
      sweeps: false,
      flows: [serve(one, { complete: ({ session }) => void completed.push(session.id) })],
    });
  const [reached, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let held = false;
  const slow = node(
    around(async (text, run) => {
      if (!held && text.includes('from "sessions"."owner"')) {
        held = true;
        reached.resolve();
        await gate.promise;
      }
      return run();
    }),
  );
  const session = uuidv7();
  const commands = [start(session, "one"), submit(session, "only", { n: 1 })];
  const late = new TestClient(slow, "ada").push(...commands);
  await reached.promise;
  const { outcomes } = await new TestClient(node(pool), "ada").push(...commands);
  expect(outcomes).toMatchObject([{ status: "accepted" }, { status: "accepted" }]);
  gate.resolve();
  expect((await late).outcomes).toMatchObject([{ replayed: true }, { replayed: true }]);
  const { rows } = await pool.query("select 1 from sessions.session_archive where id = $1", [session]);
  expect([rows.length, completed]).toEqual([1, [session]]);
});

test("S7: nobody is told expired of a session that completes by a command judged in time", async () => {
  let nowMs = Date.now();
  const [reached, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const onComplete = async () => {
    reached.resolve();
    await gate.promise;
  };
  const node = createBank(pool, { now: () => nowMs, sweeps: false, onComplete });
  const ada = new TestClient(node, "late");
  const { session, review } = await ada.untilReview();
  nowMs += 72 * 3_600_000 - 10;
  const inFlight = ada.one(review);
  await reached.promise;
  nowMs += 20;
  const told = ada.read(session);
  gate.resolve();
  expect(await inFlight).toMatchObject({ status: "accepted" });
  expect(await told).toMatchObject({ status: "completed", revision: 4 });
});

test("S10: a watcher hears of a command whose connection broke after its commit", async () => {
  let breaks = false;
  const node = createBank(
    around(async (text, run) => {
      const result = await run();
      if (!breaks || !/^\s*with moved as/.test(text)) return result;
      breaks = false;
      throw Object.assign(new Error("Connection terminated unexpectedly"), { code: "08006" });
    }),
    { sweeps: false },
  );
  const ada = new TestClient(node, "flaky");
  const session = uuidv7();
  await ada.one(start(session, "notes"));
  const stream = (await ada.caller.watch({ protocol: PROTOCOL_VERSION, known: {} })) as AsyncIterable<WatchEvent>;
  const events = stream[Symbol.asyncIterator]();
  expect((await events.next()).value).toMatchObject({ snapshots: [{ revision: 1 }] });

  breaks = true;
  const command = submit(session, "left", { text: "x" });
  await expect(ada.one(command)).rejects.toMatchObject({ code: "SERVICE_UNAVAILABLE" });
  expect(await ada.one(command)).toEqual({ status: "accepted", revision: 2, replayed: true });
  expect((await events.next()).value).toMatchObject({ snapshots: [{ revision: 2 }] });
  await events.return?.();
});

test("a handler that breaks its transaction is refused as failed, and its neighbours in the push go on", async () => {
  const flow = defineFlow({
    name: "handled",
    version: 1,
    steps: { how: step({ input: z.object({ n: z.int() }) }), end: step({ input: z.object({}) }) },
  });
  const faults: string[] = [];
  const node = createSessions<Context>({
    database: pool,
    identify: () => ({ owner: "handler" }),
    sweeps: false,
    onError: ({ code }) => void faults.push(code),
    flows: [
      serve(flow, {
        steps: {
          how: async ({ input, tx }) => {
            const mine = tx.withTables<{ child: { id: number }; nowhere: { id: number } }>();
            // A failed statement that the handler swallows, and a constraint that fails only at the commit.
            if (input.n === 1)
              await mine
                .insertInto("nowhere")
                .values({ id: 1 })
                .execute()
                .catch(() => {});
            else if (input.n === 2) await mine.insertInto("child").values({ id: 7 }).execute();
          },
        },
      }),
    ],
  });
  const ada = new TestClient(node, "handler");
  const ids = [uuidv7(), uuidv7(), uuidv7()];
  await ada.push(...ids.map((id) => start(id, "handled")));
  const { outcomes } = await ada.push(...ids.map((id, index) => submit(id, "how", { n: index + 1 })));
  expect(outcomes).toMatchObject([
    { refusal: { code: "failed" } },
    { refusal: { code: "failed" } },
    { status: "accepted" },
  ]);
  expect(faults).toEqual(["handler_failed", "handler_failed"]);
});

test("a path function that throws fails its own command alone", async () => {
  let broken = false;
  const flow = defineFlow({
    name: "pathless",
    version: 1,
    steps: { a: step({ input: z.object({}) }), b: step({ input: z.object({}) }) },
    path: () => {
      if (broken) throw new Error("A bug");
      return ["a", "b"];
    },
  });
  const faults: string[] = [];
  const mixed = createSessions<Context>({
    database: pool,
    identify: () => ({ owner: "path" }),
    onError: ({ code }) => void faults.push(code),
    flows: [serve(flow, {}), serve(one, {})],
  });
  const ada = new TestClient(mixed, "path");
  const [bad, good] = [uuidv7(), uuidv7()];
  await ada.push(start(bad, "pathless"), start(good, "one"));
  broken = true;
  const { outcomes } = await ada.push(submit(bad, "a", {}), submit(good, "only", { n: 1 }));
  expect(outcomes).toMatchObject([{ refusal: { code: "failed" } }, { status: "accepted" }]);
  expect(faults).toEqual(["path_invalid"]);
});

/** A node whose database does not answer until the gate opens, and then not at all. */
function gatedNode() {
  const gate = Promise.withResolvers<void>();
  const database = around(async () => {
    await gate.promise;
    throw Object.assign(new Error("The connection was lost."), { code: "08006" });
  });
  return { gate, node: createBank(database, { sweeps: false, onError: () => {} }) };
}

const starts = () => Array.from({ length: 100 }, () => start(uuidv7(), "notes"));
const busy = [{ status: "refused", refusal: { code: "busy", retryAfterMs: 1_000 } }];

test("past ten thousand commands under way, whatever they wait for, more are turned away at once, to come again", async () => {
  const { gate, node } = gatedNode();
  const owners = Array.from({ length: 100 }, (_, index) => new TestClient(node, `crowd ${index}`));
  const waiting = Promise.allSettled(owners.map((teller) => teller.push(...starts())));
  const { outcomes, snapshots } = await new TestClient(node, "late").push(start(uuidv7(), "notes"));
  expect(outcomes).toEqual(busy);
  expect(snapshots).toEqual([]);
  gate.resolve();
  expect((await waiting).every(({ status }) => status === "rejected")).toBe(true);
  await node.close();
});

test("past a thousand commands of one owner under way more of theirs are turned away, and nobody else's", async () => {
  const { gate, node } = gatedNode();
  const crowd = new TestClient(node, "crowd");
  const waiting = Array.from({ length: 10 }, () => crowd.push(...starts()));
  expect((await crowd.push(start(uuidv7(), "notes"))).outcomes).toEqual(busy);
  waiting.push(new TestClient(node, "other").push(start(uuidv7(), "notes")));
  gate.resolve();
  expect((await Promise.allSettled(waiting)).every(({ status }) => status === "rejected")).toBe(true);
  await node.close();
});
