import { setTimeout as sleep } from "node:timers/promises";
import { TRPCError } from "@trpc/server";
import { Client, Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { Command, Outcome, Snapshot } from "@sessions/core/internal";
import { postgresBus, type Sessions, type SessionsOptions } from "../index.ts";
import { createBank, createLedger, draft, start, submit, TestClient, type Context } from "../testing/bank.ts";
import { sessionsWith } from "../testing/cli.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { Random } from "../testing/random.ts";
import { everyColumn } from "../testing/secrets/payments.ts";
import { keysFromEnvironment } from "./environment-keys.ts";
import { generateKey } from "./key-ring.ts";

// Nodes without keys are replaced, one after the other, by nodes that read what is sealed, and these by nodes that seal.
// Each node has a pool and a bus of its own. Devices go from node to node all the time.

type Sealing = Partial<Pick<SessionsOptions<Context>, "keys" | "encrypt">>;

const NODES = 3;
const OWNERS = 3;
/** How long devices write before another node is replaced, in commands that were accepted. */
const COMMANDS = 60;

const key = generateKey();
const keys = keysFromEnvironment(key);
const { pool, url } = await freshDatabase();
const faults: string[] = [];
let accepted = 0;

interface RunningNode {
  readonly sessions: Sessions;
  close(): Promise<void>;
}
const nodes: RunningNode[] = [];

function startNode(sealing: Sealing): RunningNode {
  const own = new Pool({ connectionString: url, max: 5 });
  own.on("error", () => {});
  const bus = postgresBus({ client: () => new Client({ connectionString: url }) });
  const onError = ({ message, cause }: Error) => void faults.push(`${message} ${String(cause)}`);
  const sessions = createBank(own, { ...sealing, bus, onError });
  return {
    sessions,
    close: async () => {
      await sessions.close();
      await own.end();
    },
  };
}

beforeAll(async () => {
  await createBank(pool, { sweeps: false }).migrate();
  await createLedger(pool);
  for (let count = 0; count < NODES; count += 1) nodes.push(startNode({}));
});
afterAll(() => Promise.all(nodes.map((node) => node.close())));

/** Calls a node, and another one if it is closing. */
async function onNode<T>(owner: string, random: Random, work: (client: TestClient) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work(new TestClient(random.pick(nodes).sessions, owner));
    } catch (error) {
      if (!(error instanceof TRPCError) || error.code !== "SERVICE_UNAVAILABLE" || tries === 100) throw error;
    }
  }
}

/** One device. Each of its commands goes to another node. `kept` gets what the database must have in the end. */
async function write(owner: string, random: Random, signal: AbortSignal, kept: Map<string, Partial<Snapshot>>) {
  const push = async (...commands: readonly Command[]): Promise<readonly Outcome[]> => {
    const { outcomes } = await onNode(owner, random, (client) => client.push(...commands));
    accepted += outcomes.length;
    return outcomes;
  };
  const all = (outcomes: readonly Outcome[]) => {
    for (const outcome of outcomes) expect(outcome).toMatchObject({ status: "accepted" });
  };
  const ours: { readonly id: string; command: string | null; text: string }[] = [];
  while (!signal.aborted) {
    if (ours.length < 3 || random.next() < 0.2) {
      const session = { id: uuidv7(), command: null, text: "" };
      all(await push(start(session.id, "notes")));
      ours.push(session);
    }
    const session = random.pick(ours);
    const text = `Typed ${uuidv7()}`;
    const left = submit(session.id, "left", { text }, { left: session.command });
    all(await push(left));
    all(await push(draft(session.id, "right", "text", text)));
    Object.assign(session, { command: left.id, text });
    kept.set(session.id, { data: { left: { text } } });
    // Read by any other node at once.
    const found = await onNode(owner, random, (client) => client.read(session.id));
    expect(found).toMatchObject({ data: { left: { text } }, drafts: { right: { text: { value: text } } } });
    if (random.next() < 0.3) {
      const id = uuidv7();
      const [recipient, amount] = [
        submit(id, "recipient", { name: text, iban: "BE71096123456769" }),
        submit(id, "amount", { cents: 100 }),
      ];
      all(await push(start(id), recipient, amount));
      const seen = { review: null, recipient: recipient.id, amount: amount.id };
      const [outcome] = await push(submit(id, "review", { accepted: true }, seen));
      if (outcome?.status === "refused") expect(outcome.refusal.code).toBe("limit_reached");
      kept.set(id, { data: { recipient: { name: text, iban: "BE71096123456769" }, amount: { cents: 100 } } });
    }
    if (random.next() < 0.1) {
      const { active } = await onNode(owner, random, (client) => client.list("notes"));
      for (const { id } of ours) expect(active.map((each) => each.id)).toContain(id);
    }
  }
}

test(
  "no command fails while keys come to the nodes in two deploys, and all that was typed stays readable",
  { timeout: 90_000 },
  async () => {
    const writing = new AbortController();
    onTestFinished(() => writing.abort());
    const kept = Array.from({ length: OWNERS }, () => new Map<string, Partial<Snapshot>>());
    const writers = kept.flatMap((own, index) =>
      [0, 1].map((device) => write(`owner ${index}`, new Random(index * 2 + device), writing.signal, own)),
    );
    let failure: unknown;
    for (const writer of writers) writer.catch((error: unknown) => (failure ??= error));
    const others = async (): Promise<void> => {
      const until = accepted + COMMANDS;
      while (accepted < until && failure === undefined) await sleep(10);
    };
    await others();
    for (const sealing of [
      { keys, encrypt: "read" },
      { keys, encrypt: "all" },
    ] as const) {
      for (let index = 0; index < NODES; index += 1) {
        const old = nodes[index]!;
        nodes[index] = startNode(sealing);
        await nodes[index]!.sessions.check();
        await others();
        await old.close();
      }
      await others();
      const { rows } = await pool.query<{ sealed: boolean }>(
        "select exists (select from sessions.owner_key) as sealed",
      );
      expect(rows[0]!.sealed).toBe(sealing.encrypt === "all");
    }
    writing.abort();
    await Promise.all(writers);
    expect(faults).toEqual([]);

    const fresh = createBank(pool, { keys, encrypt: "read", sweeps: false });
    for (const [index, own] of kept.entries()) {
      const client = new TestClient(fresh, `owner ${index}`);
      for (const [id, snapshot] of own) expect(await client.read(id)).toMatchObject(snapshot);
    }
    const verified = await sessionsWith({ databaseUrl: url, keys: key }, "verify");
    expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining("are whole")]);
  },
);

test("S11: from the second deploy on, what is typed is in no column", async () => {
  const client = new TestClient(nodes[0]!.sessions, "owner 0");
  for (const { id } of (await client.list("notes")).active) {
    expect(await client.one(draft(id, "right", "text", "Canary"))).toMatchObject({ status: "accepted" });
  }
  const { rows } = await pool.query<{ clear: string }>(
    "select state::text as clear from sessions.session where owner_id = 'owner 0' and flow = 'notes'",
  );
  expect(rows.length).toBeGreaterThan(0);
  for (const { clear } of rows) expect(clear).not.toMatch(/Typed|Canary/);
  expect(await everyColumn(pool)).not.toContain("Canary");
});

test("a node without keys refuses to start beside sealed rows. If it runs already, it serves the owners without keys", async () => {
  const { rows } = await pool.query<{ id: string }>("select key_id as id from sessions.owner_key limit 1");
  const reports: string[] = [];
  const old = createBank(pool, { sweeps: false, onError: ({ message }) => reports.push(message) });
  await expect(old.check()).rejects.toThrow(`keys_missing: Something is sealed with key ${rows[0]!.id}`);
  const session = uuidv7();
  await new TestClient(nodes[0]!.sessions, "sealed").push(
    start(session, "notes"),
    submit(session, "left", { text: "x" }),
  );

  const [sealed, clear] = [new TestClient(old, "sealed"), new TestClient(old, "clear")];
  await expect(sealed.read(session)).rejects.toThrow("keys_missing");
  await expect(sealed.list()).rejects.toThrow("keys_missing");
  await expect(sealed.one(draft(session, "left", "text", "y"))).rejects.toThrow("keys_missing");
  expect(reports.every((report) => report.startsWith("keys_missing"))).toBe(true);
  // It has overwritten nothing.
  const whole = await new TestClient(nodes[0]!.sessions, "sealed").read(session);
  expect(whole).toMatchObject({ revision: 2, data: { left: { text: "x" } } });
  const own = uuidv7();
  expect(await clear.one(start(own, "notes"))).toMatchObject({ status: "accepted" });
  expect(await clear.read(own)).toMatchObject({ id: own });
});
