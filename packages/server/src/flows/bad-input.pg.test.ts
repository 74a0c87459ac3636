import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { MAX_COMMANDS, MAX_INPUT_LENGTH, PROTOCOL_VERSION, type Json } from "@sessions/core";
import { createBank, createLedger, draft, start, submit, Teller } from "../testing/bank.ts";
import { adapters, createPlainHost, type Running } from "../testing/host.ts";
import { freshDatabase } from "../testing/postgres.ts";

const { pool } = await freshDatabase();
const sessions = createBank(pool);
const ada = new Teller(sessions, "ada");
let running: Running;
let session: string;
let before: unknown;

beforeAll(async () => {
  await sessions.migrate();
  await createLedger(pool);
  running = await adapters["standalone"]!(createPlainHost(sessions));
});
afterAll(() => running.stop());
beforeEach(async () => {
  session = uuidv7();
  const left = submit(session, "left", { text: "before" });
  const middle = submit(session, "middle", { text: "before" }, { left: left.id });
  await ada.push(start(session, "notes"), left, middle);
  before = await ada.read(session);
});

/** What the server says to a raw body. */
async function post(body: string, procedure = "push"): Promise<{ status: number; text: string }> {
  const response = await fetch(`${running.url}/sessions.${procedure}`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-user": "ada" },
    body,
  });
  return { status: response.status, text: await response.text() };
}

/** A push of these commands as raw JSON text, so that what no client would send can be sent. */
const pushText = (...commands: readonly string[]) =>
  `{"protocol":1,"device":${JSON.stringify(ada.device)},"commands":[${commands.join(",")}]}`;
const raw = (fields: Record<string, unknown>) =>
  JSON.stringify({ kind: "submit", id: uuidv7(), session, version: 1, step: "right", input: {}, seen: {}, ...fields });

async function refusalsOf(...commands: readonly string[]): Promise<readonly Record<string, unknown>[]> {
  const { status, text } = await post(pushText(...commands));
  expect({ status, text: status === 200 ? "" : text }).toEqual({ status: 200, text: "" });
  const { result } = JSON.parse(text) as { result: { data: { outcomes: { refusal: Record<string, unknown> }[] } } };
  return result.data.outcomes.map(({ refusal }) => refusal);
}

async function nothingChanged(): Promise<void> {
  expect(await ada.read(session)).toEqual(before);
}

test("malformed JSON is a parse error", async () => {
  const { status, text } = await post('{"protocol":1,');
  expect(status).toBe(400);
  expect(text).toMatch(/"code":"(PARSE_ERROR|BAD_REQUEST)"/);
  await nothingChanged();
});

test.for([
  ["no object", '"push"'],
  ["commands that are no list", `{"protocol":1,"device":${JSON.stringify(ada.device)},"commands":{}}`],
  ["a device whose id is no UUIDv7", '{"protocol":1,"device":{"id":"1","name":"x"},"commands":[]}'],
  ["a device name with NUL", `{"protocol":1,"device":{"id":"${uuidv7()}","name":"x\\u0000"},"commands":[]}`],
] as const)("a push that is %s is a bad request", async ([, body]) => {
  const { status, text } = await post(body);
  expect(status).toBe(400);
  expect(text).toContain("BAD_REQUEST");
  await nothingChanged();
});

test("what is no command is refused as malformed, and its neighbours go on", async () => {
  const fine = submit(session, "right", { ok: true });
  const refusals = await refusalsOf(
    "null",
    "17",
    raw({ kind: "destroy" }),
    raw({ id: "not-an-id" }),
    raw({ id: "9b2ab5a4-8a3f-4b0f-9d43-0a4b7d2c1f11" }),
    raw({ session: "x" }),
    raw({ version: "1" }),
    raw({ step: 5 }),
    raw({ seen: { right: "x" } }),
    raw({ input: undefined }),
    JSON.stringify(fine),
  );
  expect(refusals.slice(0, -1).map((refusal) => refusal["code"])).toEqual(
    Array.from({ length: 10 }, () => "malformed"),
  );
  expect(refusals.at(-1)).toBeUndefined();
  expect(await ada.read(session)).toMatchObject({ revision: 4, data: { right: { ok: true } } });
});

const deep = (levels: number): string => `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;

test.for<readonly [name: string, inputText: string, refusal: Record<string, unknown>]>([
  ["too large", JSON.stringify({ a: "x".repeat(MAX_INPUT_LENGTH) }), { code: "too_large", atMost: MAX_INPUT_LENGTH }],
  ["of five megabytes", JSON.stringify({ a: "x".repeat(5_000_000) }), { code: "too_large" }],
  ["of the wrong type", '"text"', { code: "invalid_input", step: "right" }],
  ["with a __proto__ key", '{"__proto__":{"polluted":true}}', { code: "invalid_input" }],
  ["with a nested __proto__ key", '{"a":[{"__proto__":1}]}', { code: "invalid_input" }],
  ["nested forty deep", deep(40), { code: "invalid_input" }],
  ["nested a hundred thousand deep", deep(100_000), { code: expect.stringMatching(/^(invalid_input|too_large)$/) }],
  ["with a NUL character", '{"a":"x\\u0000y"}', { code: "invalid_input" }],
  ["with a NUL character in a key", '{"x\\u0000y":1}', { code: "invalid_input" }],
  ["with a lone surrogate", '{"a":"\\ud800"}', { code: "invalid_input" }],
  ["with a number beyond all bounds", '{"a":1e999}', { code: "invalid_input" }],
])("an input %s is refused and changes nothing", async ([, inputText, refusal]) => {
  const command = raw({ input: "INPUT" }).replace('"INPUT"', () => inputText);
  expect(await refusalsOf(command)).toMatchObject([refusal]);
  await nothingChanged();
});

test.for<readonly [name: string, value: Json]>([
  ["a NUL character", "a\0b"],
  ["a lone surrogate", "\ud800"],
  ["too much text", "x".repeat(MAX_INPUT_LENGTH)],
])("a draft with %s is refused and changes nothing", async ([, value]) => {
  expect(await ada.one(draft(session, "left", "text", value))).toMatchObject({ outcome: "refused" });
  await nothingChanged();
});

test("text that only looks dangerous is kept as it is", async () => {
  const input = { constructor: "x", "a'; drop table session; --": "‮🦊\u{1F469}‍🚀", "": "\\u0000" };
  await ada.one(submit(session, "right", input));
  expect((await ada.read(session))?.data["right"]).toEqual(input);
});

test("unknown flows, steps and draft fields are refused by name", async () => {
  const other = uuidv7();
  expect(await ada.one(start(other, "loan"))).toMatchObject({ refusal: { code: "unknown_flow", flow: "loan" } });
  expect(await ada.read(other)).toBeNull();
  expect(await ada.one(submit(session, "constructor", {}))).toMatchObject({ refusal: { code: "unknown_step" } });
  expect(await ada.one(submit(session, "nowhere", {}))).toMatchObject({
    refusal: { code: "unknown_step", step: "nowhere" },
  });
  expect(await ada.one(draft(session, "left", "color", "red"))).toMatchObject({ refusal: { code: "invalid_input" } });
  await nothingChanged();
});

test("S25: a hundred thousand commands in one push are refused as too many, once", async () => {
  const refusals = await refusalsOf(Array.from({ length: 100_000 }, () => "1").join(","));
  expect(refusals).toEqual([{ code: "too_many_commands", atMost: MAX_COMMANDS }]);
  await nothingChanged();
});

test.for<readonly [name: string, command: Record<string, unknown>]>([
  ["one text", { input: { a: "x".repeat(900_000) } }],
  ["small parts", { input: Array.from({ length: 200_000 }, () => 1) }],
  ["names", { seen: { ["x".repeat(900_000)]: null } }],
])("S25: a push that is too large by %s is refused once", async ([, command]) => {
  const refusals = await refusalsOf(raw(command), raw(command));
  expect(refusals).toEqual([{ code: "too_large", atMost: 1024 * 1024 }]);
  await nothingChanged();
});

const nul = "\0";
test.for<readonly [name: string, command: Record<string, unknown>, code: string]>([
  ["texts that cannot be kept", { input: Array.from({ length: 14_000 }, () => nul) }, "invalid_input"],
  [
    "names that cannot be kept",
    { input: Object.fromEntries(Array.from({ length: 900 }, (_, at) => [`${nul}${at}`, 1])) },
    "invalid_input",
  ],
  [
    "unknown fields",
    { step: "end", input: Object.fromEntries(Array.from({ length: 4_000 }, (_, at) => [`${at}`, 1])) },
    "step_unreachable",
  ],
  ["fields of the wrong type", { input: { ["n".repeat(60_000)]: nul } }, "invalid_input"],
  ["wrong entries", { seen: Object.fromEntries(Array.from({ length: 5_000 }, (_, at) => [`${at}`, 1])) }, "malformed"],
  [
    "entries that only look right",
    { seen: Object.fromEntries(Array.from({ length: 5_000 }, (_, at) => [`${at}`, "x"])) },
    "malformed",
  ],
  ["stamps", { typed: Array.from({ length: 5_000 }, () => "x") }, "malformed"],
])("S25: of %s, twenty are told and the rest counted", async ([, command, code]) => {
  const { status, text } = await post(pushText(raw(command)));
  expect(status).toBe(200);
  expect(text).toContain(`"code":"${code}"`);
  expect(text.length).toBeLessThan(20_000);
});

test("S25: two hundred thousand wrong entries cost a moment", async () => {
  const entries = Object.fromEntries(Array.from({ length: 2_000 }, (_, at) => [`${at}`, 1]));
  const started = performance.now();
  await refusalsOf(...Array.from({ length: 50 }, () => raw({ seen: entries })));
  expect(performance.now() - started).toBeLessThan(1_000);
});

const hostile = [
  ["200 kB of NULs", JSON.stringify("\0".repeat(200_000 / 6))],
  ["ten thousand levels", `${"[".repeat(10_000)}1${"]".repeat(10_000)}`],
  ["ten thousand objects in one another", deep(10_000)],
  ["a hundred thousand keys", JSON.stringify(Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [at, 1])))],
  ["__proto__", '{"__proto__":{"a":1},"a":{"__proto__":1}}'],
  ["a field __proto__", '{"__proto__":{"value":1,"at":"000000000000001-0000-01900000-0000-7000-8000-000000000000"}}'],
] as const;
test.for(
  hostile.flatMap(([name, text]) =>
    ["input", "seen", "typed", "fields", "step"].map((place) => [name, place, text] as const),
  ),
)("S25: %s as %s is refused in a moment", async ([, place, text]) => {
  const kind = place === "fields" ? { kind: "draft", seen: undefined } : {};
  const command = raw({ ...kind, [place]: "PLACE" }).replace('"PLACE"', () => text);
  const before = process.cpuUsage();
  const [refusal] = await refusalsOf(command);
  expect(process.cpuUsage(before).user).toBeLessThan(500_000);
  expect(refusal!["code"]).toMatch(/^(invalid_input|too_large|malformed|unknown_step)$/);
  await nothingChanged();
});

test("a flow or protocol version from the future is refused as outdated", async () => {
  const future = { ...submit(session, "right", {}), version: 2 };
  expect(await ada.one(future)).toEqual({ outcome: "refused", refusal: { code: "outdated", given: 2, current: 1 } });
  const { outcomes } = await ada.caller.push({
    protocol: PROTOCOL_VERSION + 1,
    device: ada.device,
    commands: [submit(session, "right", {})],
  });
  expect(outcomes).toMatchObject([{ refusal: { code: "outdated", given: PROTOCOL_VERSION + 1 } }]);
  await nothingChanged();
});

test("a clock that is years ahead loses nothing typed, and wins no longer than a right one", async () => {
  const decade = 10 * 365 * 86_400_000;
  expect(await ada.one(draft(session, "left", "text", "from the future", Date.now() + decade))).toMatchObject({
    outcome: "accepted",
  });
  expect((await ada.read(session))?.drafts["left"]?.["text"]?.value).toBe("from the future");
  await ada.one(draft(session, "left", "text", "typed after", Date.now() + 1_000));
  expect((await ada.read(session))?.drafts["left"]?.["text"]?.value).toBe("typed after");
  expect(
    await ada.one({
      ...draft(session, "left", "text", "x"),
      fields: { text: { value: "x", at: "tomorrow" } },
    } as never),
  ).toMatchObject({ refusal: { code: "malformed" } });
});

test.for([
  ["list", { flow: "\0", limit: 10, after: null }],
  ["list", { flow: null, limit: 10, after: { endedAt: "0000-01-01T00:00:00Z", id: uuidv7() } }],
  ["list", { flow: null, limit: 1e9, after: null }],
  ["read", { session: "x" }],
  ["receipt", { session: uuidv7(), command: "x" }],
] as const)("a %s with %o is a bad request", async ([procedure, input]) => {
  const query = `input=${encodeURIComponent(JSON.stringify(input))}`;
  const response = await fetch(`${running.url}/sessions.${procedure}?${query}`, { headers: { "x-user": "ada" } });
  expect(response.status).toBe(400);
  expect(await response.text()).toContain("BAD_REQUEST");
});

test("no refusal and no error quotes what was typed", async () => {
  const secret = "BE71096123456769";
  const { text } = await post(
    pushText(raw({ input: `${secret}` }), raw({ step: "left", input: { text: { secret } } }), raw({ id: secret })),
  );
  expect(text).not.toContain(secret);
});
