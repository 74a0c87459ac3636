import { sql, type Kysely } from "kysely";
import { v7 as uuidv7 } from "uuid";
import { expect } from "vitest";
import { z } from "zod";
import { defineFlow, PROTOCOL_VERSION, step, type ListReply, type WatchEvent } from "@sessions/core/internal";
import { createSessions, maxCompletions, maxOpenSessions, serve, type Bus, type Database } from "../index.ts";
import { createKysely } from "../postgres/database.ts";
import type { Tables } from "../flows/rows/tables.ts";
import { cancel, draft, start, submit, TestClient, type Context } from "../testing/bank.ts";
import { verify } from "../flows/verification/verify.ts";

const AT_MOST = 3;

const order = defineFlow({
  name: "order",
  version: 1,
  steps: {
    what: step({
      input: z.object({ text: z.string(), many: z.array(z.number()).optional() }),
      output: z.object({ n: z.int() }),
    }),
    sure: step({ input: z.object({}), dependsOn: ["what"] }),
  },
  result: z.object({ number: z.string() }),
  expires: { idle: "1h", absolute: "2h" },
});

/** Text with escapes, quotes, separators and other alphabets. */
const text = `"Grüße" 'n\\' \u001f {1,2} 🦊 \n`;

/** Runs two nodes over a database, through every kind of command, and expects the same results on every database. */
export async function runScenario(database: Database, owner: string, bus?: Bus): Promise<void> {
  let nowMs = Date.parse("2026-10-25T00:30:00Z");
  const faults: string[] = [];
  const nodeOver = (more: { readonly bus?: Bus }) =>
    createSessions<Context>({
      database,
      identify: ({ user }) => user !== undefined && { owner: user },
      now: () => nowMs,
      sweeps: false,
      ...more,
      onError: ({ message, cause }) => faults.push(`${message} ${cause instanceof Error ? cause.message : ""}`),
      flows: [
        serve(order, {
          limits: [
            maxCompletions({ atMost: AT_MOST, per: "day", timeZone: "Europe/Brussels" }),
            maxOpenSessions({ atMost: 8 }),
          ],
          steps: { what: ({ input }) => ({ n: input.text.length }) },
          complete: async ({ session, tx }) => {
            await sql`insert into bought (owner, session) values (${owner}, ${session.id})`.execute(tx);
            return { number: session.id };
          },
        }),
      ],
    });
  // A node orders its own commands in memory. Only with two nodes do the database's locks decide.
  const [node, other] = [nodeOver(bus ? { bus } : {}), nodeOver({})];
  const [ada, elsewhere] = [new TestClient(node, owner), new TestClient(other, owner)];
  const db = createKysely(database).withSchema("sessions");
  try {
    await node.check();
    const watching = new AbortController();
    const caller = node.router.createCaller({ user: owner }, { signal: watching.signal });
    const stream = (await caller.watch({ protocol: PROTOCOL_VERSION, known: {} })) as AsyncIterable<WatchEvent>;
    const events = stream[Symbol.asyncIterator]();
    await events.next();

    // Six begin at once, and many writes share a statement.
    const ids = Array.from({ length: 6 }, () => uuidv7());
    const begun = await Promise.all(
      ids.map((id) => ada.push(start(id, "order"), submit(id, "what", { text, many: [1, 2] }))),
    );
    expect(begun.flatMap(({ outcomes }) => outcomes.map(({ status }) => status))).toEqual(Array(12).fill("accepted"));
    const typed = await Promise.all(ids.map((id) => ada.one(draft(id, "what", "text", text, nowMs))));
    expect(typed.map(({ status }) => status)).toEqual(ids.map(() => "accepted"));
    expect(await ada.read(ids[0]!)).toMatchObject({
      revision: 3,
      data: { what: { text, many: [1, 2] } },
      outputs: { what: { n: text.length } },
      drafts: { what: { text: { value: text } } },
    });
    watching.abort();
    await events.return?.();

    // As many sessions complete as the limit allows, and the application's rows agree.
    const sure = ids.map((id, at) => submit(id, "sure", {}, { what: seenIn(begun[at]!.snapshots[0]), sure: null }));
    const outcomes = await Promise.all(sure.map((command, at) => (at % 2 ? elsewhere : ada).one(command)));
    const completed = ids.filter((_, at) => outcomes[at]!.status === "accepted");
    expect(completed).toHaveLength(AT_MOST);
    expect(await bought(db, owner)).toEqual(completed.toSorted());
    const refused = outcomes.find(({ status }) => status === "refused");
    expect(refused).toMatchObject({ refusal: { code: "limit_reached", resetsAt: "2026-10-25T23:00:00.000Z" } });
    const again = sure[ids.indexOf(completed[0]!)]!;
    expect(await ada.one(again)).toEqual({ status: "accepted", revision: 4, replayed: true });

    // The list is read one page at a time.
    const [active, ended]: string[][] = [[], []];
    for (let after: ListReply["next"] | undefined; after !== null;) {
      const page = await caller.list({ flow: "order", limit: 2, after: after ?? null });
      active!.push(...page.active.map(({ id }) => id));
      ended!.push(...page.ended.map(({ id }) => id));
      after = page.next;
    }
    expect([active!.length, ended!.toSorted()]).toEqual([AT_MOST, completed.toSorted()]);
    expect((await caller.receipt({ session: again.session, command: again.id })).outcome).toMatchObject({
      revision: 4,
    });
    const left = ids.filter((id) => !completed.includes(id));
    expect(await ada.one(cancel(left[0]!))).toMatchObject({ status: "accepted" });

    // Both nodes sweep the abandoned sessions at once.
    nowMs += 2 * 3_600_000;
    await Promise.all([node.sweep(), other.sweep()]);
    for (const id of left.slice(1)) expect(await ada.read(id)).toMatchObject({ status: "expired", revision: 4 });
    expect(await verify(db)).toMatchObject({ broken: null });
    expect(faults).toEqual([]);
  } finally {
    await Promise.all([node.close(), other.close()]);
  }
}

/** The command of the submission that the screen showed, or an empty text. */
function seenIn(
  snapshot: { readonly submissions: Readonly<Record<string, { readonly command: string }>> } | undefined,
): string {
  return snapshot?.submissions["what"]?.command ?? "";
}

async function bought(db: Kysely<Tables>, owner: string): Promise<readonly string[]> {
  const { rows } = await sql<{ sessions: string }>`
    select coalesce(string_agg(session, ' ' order by session), '') as sessions from bought where owner = ${owner}`.execute(
    db,
  );
  return rows[0]!.sessions.split(" ").filter((id) => id !== "");
}

/** Creates the tables that the story needs, once in a database. */
export async function prepare(database: Database): Promise<void> {
  await createSessions<Context>({
    database,
    identify: () => null,
    sweeps: false,
    flows: [serve(order, { steps: { what: () => ({ n: 1 }) }, complete: () => ({ number: "" }) })],
    now: () => Date.parse("2026-10-25T00:30:00Z"),
  }).migrate();
  await sql`create table bought (owner text, session text primary key)`.execute(createKysely(database));
}
