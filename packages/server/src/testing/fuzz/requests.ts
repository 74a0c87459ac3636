import fc from "fast-check";
import { mutated, mutations, nasty, oddTime } from "./nasty.ts";

/** A request as it is sent. */
export interface Sent {
  readonly method: string;
  /** The part of the URL after the mount, with the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

// There are few ids, so that requests use the same ones: some are sessions, some commands, some not used yet.
const idOf = (nth: number) => `01900000-0000-7000-8000-${String(nth).padStart(12, "0")}`;
const ids = Array.from({ length: 12 }, (_, nth) => idOf(nth));
const id = fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...ids) }, fc.nat(1_000_000).map(idOf));
const stamp = fc
  .tuple(fc.integer({ min: 0, max: 4e12 }), id)
  .map(([ms, device]) => `${String(ms).padStart(15, "0")}-0000-${device}`);
const flow = fc.constantFrom("notes", "transfer", "loan", "constructor", "\0");
const step = fc.constantFrom(
  "left",
  "middle",
  "right",
  "end",
  "recipient",
  "amount",
  "review",
  "nowhere",
  "\ud800",
  "__proto__",
);
const input = fc.oneof(
  fc.record({ text: fc.string() }),
  fc.record({ cents: fc.integer({ min: 1, max: 60_000 }) }),
  fc.record({ name: fc.string(), iban: fc.string() }),
  fc.constant({ accepted: true }),
  fc.dictionary(fc.string(), fc.jsonValue()),
  nasty,
);
const seen = fc.dictionary(step, fc.option(id));
const version = fc.constantFrom(1, 1, 1, 1, 1, 1, 2, 2 ** 31, 1e6);

const command = fc.oneof(
  fc.record({ kind: fc.constant("start"), id, session: id, flow, version }),
  fc.record(
    { kind: fc.constant("submit"), id, session: id, version, step, input, seen, seenDrafts: fc.array(stamp) },
    { requiredKeys: ["kind", "id", "session", "version", "step", "input", "seen"] },
  ),
  fc.record({
    kind: fc.constant("draft"),
    id,
    session: id,
    version,
    step,
    fields: fc.oneof(
      fc.dictionary(
        fc.constantFrom("text", "cents", "name", "a"),
        fc.record({ value: input, at: stamp, seen: fc.array(stamp) }, { requiredKeys: ["value", "at"] }),
      ),
      fc
        .tuple(fc.integer({ min: 1, max: 6_000 }), stamp)
        .map(([count, at]) =>
          Object.fromEntries(Array.from({ length: count }, (_, nth) => [`k${nth}`, { value: nth, at }])),
        ),
    ),
  }),
  fc.record({ kind: fc.constant("cancel"), id, session: id, version }),
);
const device = fc.record({ id, name: fc.string({ unit: "binary", maxLength: 20 }) });
const known = fc.dictionary(id, fc.integer());
const time = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true })
      .map((date) => date.toISOString()),
  },
  oddTime,
);

const inputs: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  push: fc.record({ protocol: fc.constant(1), device, commands: fc.array(command, { maxLength: 12 }) }),
  read: fc.record({ session: id }),
  list: fc.record({
    flow: fc.option(flow),
    limit: fc.integer({ min: 1, max: 100 }),
    after: fc.option(fc.record({ endedAt: fc.option(time), id })),
  }),
  receipt: fc.record({ session: id, command: id }),
  changes: fc.record({ protocol: fc.constant(1), known, after: id }, { requiredKeys: ["protocol", "known"] }),
  watch: fc.record({ protocol: fc.constant(1), known }),
};

const call = fc
  .constantFrom(...Object.keys(inputs), "push", "push", "push")
  .chain((name) => fc.record({ name: fc.constant(name), given: inputs[name]!, changes: mutations }))
  .map(({ name, given, changes }) => ({ name, text: JSON.stringify(mutated(given, changes)) ?? "" }));

/** Damages a text, as a network might. */
const garbling = fc.oneof(
  { weight: 12, arbitrary: fc.constant((text: string) => text) },
  fc.nat(1_000).map((at) => (text: string) => text.slice(0, at)),
  fc.constant((text: string) => text.replaceAll(/\b\d+\b/g, "1e999")),
  fc.constant((text: string) => text.replaceAll("-7", "-8")),
  fc.nat(1_000).map((at) => (text: string) => `${text.slice(0, at)}\u0000${text.slice(at)}`),
);

const contentType = fc.oneof(
  { weight: 12, arbitrary: fc.constant("application/json") },
  fc.constantFrom(
    "text/plain",
    "multipart/form-data",
    "application/octet-stream",
    "application/json;charset=utf-16",
    "",
  ),
);
const accept = fc.oneof(
  { weight: 8, arbitrary: fc.constant("*/*") },
  fc.constantFrom("text/event-stream", "application/jsonl", ""),
);

const single = fc.record({ call, garble: garbling, contentType, accept }).map((given): Sent => {
  const { name, text } = given.call;
  const headers = { accept: given.accept, "content-type": given.contentType };
  const body = given.garble(text);
  if (name === "push") return { method: "POST", path: `sessions.push`, headers, body };
  return { method: "GET", path: `sessions.${name}?input=${encoded(body)}`, headers, body: undefined };
});

const batch = fc
  .record({
    calls: fc.array(call, { minLength: 1, maxLength: 8 }),
    keys: fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, fc.array(fc.string(), { maxLength: 8 })),
    method: fc.constantFrom("GET", "POST"),
    garble: garbling,
    extra: fc.constantFrom("", "&connectionParams=1", "&batch=2", "&lastEventId=1"),
  })
  .map(({ calls, keys, method, garble, extra }): Sent => {
    const names = calls.map(({ name }) => `sessions.${name}`).join(",");
    const all = calls.map(({ text }, index) => `${JSON.stringify(keys?.[index] ?? String(index))}:${text || "null"}`);
    const text = garble(`{${all.join(",")}}`);
    const headers = { "content-type": "application/json" };
    if (method === "POST") return { method, path: `${names}?batch=1${extra}`, headers, body: text };
    return { method, path: `${names}?batch=1${extra}&input=${encoded(text)}`, headers, body: undefined };
  });

const odd = fc
  .record({
    method: fc.constantFrom("GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"),
    path: fc.oneof(
      fc.constantFrom("", "sessions", "sessions.", "sessions.push", "sessions.watch", "__proto__", "sessions.toString"),
      fc.constantFrom("%00", "%ff", "sessions.read%2Csessions.read?batch=1", "sessions.list,,?batch=1", "?batch=1"),
      fc.webPath(),
    ),
    body: fc.option(fc.string({ unit: "binary" }), { nil: undefined }),
    contentType,
  })
  .map(({ method, path, body, contentType: type }): Sent => ({
    method,
    path: path.replace(/^\/+/, ""),
    headers: { "content-type": type },
    body: ["GET", "HEAD", "TRACE", "OPTIONS"].includes(method) ? undefined : body,
  }));

/** A request that may reach the router's address. Most are nearly valid. */
export const sent: fc.Arbitrary<Sent> = fc
  .oneof({ weight: 8, arbitrary: single }, { weight: 3, arbitrary: batch }, { weight: 1, arbitrary: odd })
  // Node itself refuses longer headers.
  .filter(({ path }) => path.length < 12_000);

function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}
