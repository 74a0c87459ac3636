import { Client, Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PROTOCOL_VERSION } from "@sessions/core/internal";
import { postgresBus } from "../../index.ts";
import { createBank, start, TestClient } from "../../testing/bank.ts";
import { adapters, createPlainHost, type Running } from "../../testing/host.ts";
import { notedSignIns, type NotedSignIns } from "../../testing/visits/noted-sign-ins.ts";
import { freshDatabase } from "../../testing/postgres.ts";

const { url } = await freshDatabase();

interface Node {
  readonly signIns: NotedSignIns;
  readonly running: Running;
  readonly teller: (signIn: string) => TestClient;
}

const closing: (() => Promise<unknown>)[] = [];

/** A node whose requests name their sign-in: "ada's phone" is one of ada's. */
async function makeNode(): Promise<Node> {
  const pool = new Pool({ connectionString: url });
  const bus = postgresBus({ client: () => new Client({ connectionString: url }) });
  const signIns = notedSignIns(bus);
  const sessions = createBank(pool, {
    bus,
    sweeps: false,
    identify: ({ user = "" }) => signIns.identityOf(user, user.split("'")[0]!),
  });
  await sessions.migrate();
  const running = await adapters["standalone"]!(createPlainHost(sessions));
  closing.push(async () => {
    await running.stop();
    await signIns.close();
    await sessions.close();
    await pool.end();
  });
  return { signIns, running, teller: (signIn) => new TestClient(sessions, signIn) };
}

let nodes: readonly [Node, Node];
beforeAll(async () => {
  nodes = [await makeNode(), await makeNode()];
});
afterAll(async () => {
  for (const close of closing) await close();
});

/** Opens a sign-in's stream over HTTP, and waits for its first event. */
async function open({ running }: Node, signIn: string) {
  const input = encodeURIComponent(JSON.stringify({ protocol: PROTOCOL_VERSION, known: {} }));
  const answer = await fetch(`${running.url}/sessions.watch?input=${input}`, {
    headers: { accept: "text/event-stream", "x-user": signIn },
  });
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const readUntil = async (part: string) => {
    while (!text.includes(part)) {
      const { done, value } = await reader.read();
      if (done) return false;
      text += value;
    }
    return true;
  };
  await readUntil("data: {");
  return {
    readUntil,
    /** Resolves with all that was sent, when the stream has ended. */
    rest: async () => {
      await readUntil("\0");
      return text;
    },
  };
}

test("S17: the end of a sign-in on one node ends its streams on both nodes within a second, and no other stream", async () => {
  const [node, otherNode] = nodes;
  const [here, there, laptop, eve] = await Promise.all([
    open(node, "ada's phone"),
    open(otherNode, "ada's phone"),
    open(otherNode, "ada's laptop"),
    open(otherNode, "eve's phone"),
  ]);
  const endedMs = performance.now();
  node.signIns.end("ada's phone");
  for (const stream of [here, there]) expect(await stream.rest()).toContain("UNAUTHORIZED");
  // A second, and what a busy machine adds. Without the notice it takes a third of the lease: 3.3 s.
  expect(performance.now() - endedMs).toBeLessThan(3_000);

  const [ofAda, ofEve] = ["ada's laptop", "eve's phone"].map((signIn) => node.teller(signIn));
  for (const [teller, stream] of [
    [ofAda!, laptop],
    [ofEve!, eve],
  ] as const) {
    const command = start(uuidv7(), "notes");
    await teller.one(command);
    expect(await stream.readUntil(command.session)).toBe(true);
  }
});

test("S17: after the end of a sign-in no node opens a stream or answers a call for it", async () => {
  const [node, otherNode] = nodes;
  const stream = await open(otherNode, "bob's phone");
  node.signIns.end("bob's phone");
  await stream.rest();
  for (const each of nodes) {
    expect(await (await open(each, "bob's phone")).rest()).toMatch(/^(?!.*snapshots).*UNAUTHORIZED/s);
    await expect(each.teller("bob's phone").list()).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  }
});
