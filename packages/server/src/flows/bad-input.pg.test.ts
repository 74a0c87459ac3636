import { v7 as uuidv7 } from "uuid";
import { expect, test } from "vitest";
import { MAX_INPUT_LENGTH, PROTOCOL_VERSION, type Json } from "@sessions/core/internal";
import { draft, start, submit } from "../testing/bank.ts";
import { rawPushes } from "../testing/fuzz/raw-pushes.ts";

const { ada, host, notes, post, pushText, raw, refusalsOf, nothingChanged } = await rawPushes();

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
  const fine = submit(notes.session, "right", { ok: true });
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
  expect(await ada.read(notes.session)).toMatchObject({ revision: 4, data: { right: { ok: true } } });
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
  expect(await ada.one(draft(notes.session, "left", "text", value))).toMatchObject({ status: "refused" });
  await nothingChanged();
});

test("text that only looks dangerous is kept as it is", async () => {
  const input = { constructor: "x", "a'; drop table session; --": "‮🦊\u{1F469}‍🚀", "": "\\u0000" };
  await ada.one(submit(notes.session, "right", input));
  expect((await ada.read(notes.session))?.data["right"]).toEqual(input);
});

test("unknown flows, steps and draft fields are refused by name", async () => {
  const other = uuidv7();
  expect(await ada.one(start(other, "loan"))).toMatchObject({ refusal: { code: "flow_not_served", flow: "loan" } });
  expect(await ada.read(other)).toBeNull();
  expect(await ada.one(submit(notes.session, "constructor", {}))).toMatchObject({ refusal: { code: "unknown_step" } });
  expect(await ada.one(submit(notes.session, "nowhere", {}))).toMatchObject({
    refusal: { code: "unknown_step", step: "nowhere" },
  });
  expect(await ada.one(draft(notes.session, "left", "color", "red"))).toMatchObject({
    refusal: { code: "invalid_input" },
  });
  await nothingChanged();
});

test("a flow or protocol version from the future is refused as outdated", async () => {
  const future = { ...submit(notes.session, "right", {}), version: 2 };
  expect(await ada.one(future)).toEqual({ status: "refused", refusal: { code: "outdated", given: 2, current: 1 } });
  const { outcomes } = await ada.caller.push({
    protocol: PROTOCOL_VERSION + 1,
    device: ada.device,
    commands: [submit(notes.session, "right", {})],
  });
  expect(outcomes).toMatchObject([{ refusal: { code: "outdated", given: PROTOCOL_VERSION + 1 } }]);
  await nothingChanged();
});

test("a clock that is years ahead loses nothing typed, and wins no longer than a right one", async () => {
  const decade = 10 * 365 * 86_400_000;
  expect(await ada.one(draft(notes.session, "left", "text", "from the future", Date.now() + decade))).toMatchObject({
    status: "accepted",
  });
  expect((await ada.read(notes.session))?.drafts["left"]?.["text"]?.value).toBe("from the future");
  await ada.one(draft(notes.session, "left", "text", "typed after", Date.now() + 1_000));
  expect((await ada.read(notes.session))?.drafts["left"]?.["text"]?.value).toBe("typed after");
  expect(
    await ada.one({
      ...draft(notes.session, "left", "text", "x"),
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
  const response = await fetch(`${host.url}/sessions.${procedure}?${query}`, { headers: { "x-user": "ada" } });
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
