import { createHash, randomBytes } from "node:crypto";
import { metrics, trace } from "@opentelemetry/api";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineFlow, step } from "@sessions/core";
import type { Command } from "@sessions/core/internal";
import { createSessions, keysFromEnvironment, serve } from "../index.ts";
import { draft, start, submit, TestClient, type Context } from "../testing/bank.ts";
import { sessionsWith } from "../testing/cli.ts";
import { collectMetrics } from "../testing/metrics.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { everyColumn } from "../testing/secrets/payments.ts";
import { watching } from "../testing/watcher.ts";
import { sortedJson } from "../sorted-json.ts";
import { generateKey } from "./key-ring.ts";

// A thousand values that occur nowhere else go through every path. All begin with one of three words, so that one search
// finds any of them: `secret` is typed in sensitive steps, `typed` in the others, and `hidden` is what handlers hide.

const SESSIONS = 100;
const unique = randomBytes(6).toString("hex");
const words = { secret: `Sec${unique}`, typed: `Typ${unique}`, hidden: `Hid${unique}` };
let given = 0;
const valueOf = (kind: keyof typeof words) => `${words[kind]}-${(given += 1)}`;
/** What the handlers hid. */
const hiddenValues: string[] = [];
function hide(): string {
  const value = valueOf("hidden");
  hiddenValues.push(value);
  return value;
}

const text = z.string();
const payment = defineFlow({
  name: "payment",
  version: 1,
  steps: {
    payee: step({ input: z.object({ name: text, street: text, town: text }), output: z.object({ greeting: text }) }),
    card: step({ input: z.object({ number: text, name: text, code: text, note: text }), sensitive: true }),
    review: step({ input: z.object({ remark: text }), dependsOn: ["payee", "card"], confirm: true }),
  },
  result: z.object({ text }),
});

/** What later handlers were given. */
const completedWith: unknown[] = [];
/** Every command that was sent. */
const sent: Command[] = [];
const { pool, url } = await freshDatabase();
const key = generateKey();
const told: { readonly replies: unknown[]; readonly reports: string[]; readonly notices: unknown[] } = {
  replies: [],
  reports: [],
  notices: [],
};
const measured = collectMetrics();
const traced = new InMemorySpanExporter();
trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: traced })] }));
const node = createSessions<Context>({
  database: pool,
  identify: ({ user }) => user !== undefined && { owner: user },
  sweeps: false,
  keys: keysFromEnvironment(key),
  encrypt: "all",
  bus: { open: () => () => Promise.resolve(), publish: (notice) => void told.notices.push(notice) },
  onError: (error) => told.reports.push(`${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`),
  flows: [
    serve(payment, {
      hidden: { payee: text, card: z.object({ token: text, keys: z.record(text, text) }) },
      steps: {
        payee: ({ input }) => ({ output: { greeting: `Dear ${input.name}` }, hidden: hide() }),
        card({ input, refuse, hidden }) {
          completedWith.push(hidden.payee);
          const found = { token: hide(), keys: { [hide()]: hide() } };
          if (input.note.endsWith("refused")) return refuse("The card is refused.");
          if (input.note.endsWith("fault")) throw new Error(`Cannot charge ${input.number}`);
          // A value, and a name in a record, that the schema does not allow.
          if (input.note.endsWith("unfit")) return { hidden: { ...found, token: [hide()] as never } };
          if (input.note.endsWith("odd")) return { hidden: { ...found, keys: { [hide()]: [hide()] as never } } };
          return { hidden: found };
        },
      },
      complete({ data, hidden }) {
        completedWith.push(hidden.card.token);
        return { text: `From ${data.card.name} to ${data.payee.name}` };
      },
    }),
  ],
});

beforeAll(async () => {
  await node.migrate();
  await Promise.all(Array.from({ length: 10 }, (_, index) => useAll(`owner ${index}`, SESSIONS / 10)));
}, 60_000);
afterAll(async () => {
  await node.close();
  metrics.disable();
  trace.disable();
});

/** Sends sessions of one owner through every path that a value may take. */
async function useAll(owner: string, sessions: number): Promise<void> {
  const client = new TestClient(node, owner);
  const push = async (...commands: readonly Command[]) => {
    sent.push(...commands);
    const reply = await client.push(...commands);
    told.replies.push(reply);
    return reply;
  };
  const cardOf = (session: string, suffix = "") =>
    submit(session, "card", {
      number: valueOf("secret"),
      name: valueOf("secret"),
      code: valueOf("secret"),
      note: valueOf("secret") + suffix,
    });
  const watcher = await watching(node, owner);
  for (let count = 0; count < sessions; count += 1) {
    const session = uuidv7();
    const payee = submit(session, "payee", {
      name: valueOf("typed"),
      street: valueOf("typed"),
      town: valueOf("typed"),
    });
    await push(start(session, "payment"), payee, draft(session, "payee", "town", valueOf("typed")));
    const card = cardOf(session);
    await push(cardOf(session, "refused"), cardOf(session, "fault"), card);
    if (count === 0) await push(cardOf(session, "unfit"), cardOf(session, "odd"));
    // Again, and with another body under its id.
    await push(card, { ...card, input: { ...(card.input as object), number: valueOf("secret") } });
    const at = `000000000000001-0000-${client.device.id}`;
    const fields = { number: { value: valueOf("secret"), at } };
    await push({ kind: "draft" as const, id: uuidv7(), session, version: 1, step: "card", fields });
    told.replies.push(await client.read(session), await client.caller.receipt({ session, command: card.id }));
    const seen = { review: null, payee: payee.id, card: card.id };
    if (count % 2 === 0) await push(submit(session, "review", { remark: valueOf("typed") }, seen));
  }
  told.replies.push(await client.list(), ...watcher.seen);
  await watcher.stop();
}

/** The word as it would be in a file: in clear, in hex, and in base64 at each of its three alignments. */
function spellingsOf(word: string): readonly string[] {
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.from(`${" ".repeat(shift)}${word}`)
      .toString("base64")
      .slice(4, -4),
  );
  return [word, Buffer.from(word).toString("hex"), ...base64];
}

test("more than a thousand values were typed, and the application answered", () => {
  expect(given).toBeGreaterThan(1_000);
  expect(JSON.stringify(told.replies)).toContain('"status":"completed"');
  expect(JSON.stringify(told.replies)).toContain('"failed"');
});

test("S11: no reply and no event has a secret value; what else is typed comes back", () => {
  const replies = JSON.stringify(told.replies);
  expect(replies).toContain(words.typed);
  // The application put a name of the card into its result.
  expect(replies.replaceAll(/"text":"From [^"]*"/g, "")).not.toContain(words.secret);
});

test("S23: the handlers hid hundreds of values and were given them, and no reply and no event has one", () => {
  expect(completedWith.filter((value) => hiddenValues.includes(String(value))).length).toBeGreaterThan(SESSIONS);
  expect(JSON.stringify(told.replies)).not.toContain(words.hidden);
});

test("S11, S23: no notice, report, span or metric has a value", async () => {
  const spans = traced
    .getFinishedSpans()
    .map(({ name, attributes, status, events }) => [name, attributes, status, events]);
  expect(spans.length).toBeGreaterThan(100);
  expect(told.notices.length).toBeGreaterThan(100);
  expect(told.reports.length).toBeGreaterThan(10);
  // The application's own error is the cause of a fault. The package does not print it.
  const reports = told.reports.map((report) => report.replaceAll(/Error: Cannot charge \S+/g, ""));
  const all = JSON.stringify([spans, told.notices, reports, await measured()]);
  for (const word of Object.values(words)) expect(all).not.toContain(word);
});

test("S11, S23: no column, file of a table or index, or log file of Postgres has a value", async () => {
  const columns = await everyColumn(pool);
  expect(columns).toContain("payee");
  await pool.query("checkpoint");
  const searched = await searchFiles(Object.values(words).flatMap(spellingsOf));
  expect(searched.found).toEqual([]);
  expect(searched.files).toBeGreaterThan(20);
  for (const spelling of Object.values(words).flatMap(spellingsOf)) expect(columns).not.toContain(spelling);
  // The search itself finds what is there.
  await pool.query("create table sessions.in_clear as select $1::text as value", [valueOf("secret")]);
  await pool.query("checkpoint");
  expect((await searchFiles([words.secret])).found.length).toBeGreaterThan(0);
  await pool.query("drop table sessions.in_clear");
});

test("S11, S23: no stored hash is the hash of a value, of an input or of a command", async () => {
  const columns = await everyColumn(pool);
  const inputs = sent.flatMap((command) => ("input" in command ? [command.input as Record<string, string>] : []));
  const values = [...inputs.flatMap(Object.values<string>), ...hiddenValues];
  const guesses = [
    ...values,
    ...values.map((value) => JSON.stringify(value)),
    ...[...inputs, ...sent].flatMap((json) => [JSON.stringify(json), sortedJson(json)]),
  ];
  expect(guesses.length).toBeGreaterThan(2_000);
  // A hash may stand among others, and may be shortened: 64 bits of it are looked for.
  const stored = new Set<string>();
  for (const [hex] of columns.matchAll(/[0-9a-f]{16,}/g)) {
    for (let at = 0; at + 16 <= hex.length; at += 2) stored.add(hex.slice(at, at + 16));
  }
  for (const [base64] of columns.matchAll(/[\w-]{16,}/g)) stored.add(base64.slice(0, 10));
  const found = guesses.filter((guess) => {
    const digest = createHash("sha256").update(guess).digest();
    return stored.has(digest.toString("hex", 0, 8)) || stored.has(digest.toString("base64url").slice(0, 10));
  });
  expect(found).toEqual([]);
});

test("S11, S23: an export of a person has what was typed, and no secret value", async () => {
  const { code, stdout } = await sessionsWith({ databaseUrl: url, keys: key }, "export", "--owner", "owner 0");
  expect(code).toBe(0);
  expect(stdout).toContain(words.typed);
  expect(stdout.replaceAll(/"text":"From [^"]*"/g, "")).not.toContain(words.secret);
  expect(stdout).not.toContain(words.hidden);
});

test("S11, S23: verify opens everything, and prints no value", async () => {
  const { code, stdout, stderr } = await sessionsWith({ databaseUrl: url, keys: key }, "verify");
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(stdout).toContain(`${SESSIONS} sessions are whole`);
  for (const word of Object.values(words)) expect(stdout + stderr).not.toContain(word);
});

/** Searches the files of this database's tables and indexes, and the write-ahead log. */
async function searchFiles(
  spellings: readonly string[],
): Promise<{ readonly files: number; readonly found: readonly string[] }> {
  const { rows } = await pool.query<{ path: string }>(`
    select pg_relation_filepath(oid) as path from pg_class
    where pg_relation_filepath(oid) is not null and pg_relation_size(oid) > 0
      and (relnamespace = 'sessions'::regnamespace or relnamespace = 'pg_toast'::regnamespace)
    union all select 'pg_wal/' || name from pg_ls_waldir()`);
  const found: string[] = [];
  for (const { path } of rows) {
    const { rows: hits } = await pool.query(
      `select 1 from (select pg_read_binary_file($1, true) as content) as file, unnest($2::text[]) as word
       where position(convert_to(word, 'UTF8') in content) > 0 limit 1`,
      [path, spellings],
    );
    if (hits.length > 0) found.push(path);
  }
  return { files: rows.length, found };
}
