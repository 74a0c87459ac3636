import { expect, test } from "vitest";
import { promised, sessionUntil } from "../testing/web-sessions/web-sessions.ts";
import { SessionsStore } from "./sessions-store.ts";

const MINUTE_MS = 60_000;

test("stores without a database share a PGlite, and no session", async () => {
  const [one, two] = [promised(new SessionsStore()), promised(new SessionsStore())];
  await one.set("sid", sessionUntil(Date.now() + MINUTE_MS, { user: "ada" }));
  expect(await one.get("sid")).toMatchObject({ user: "ada" });
  expect([await two.get("sid"), await two.length(), await one.length()]).toEqual([undefined, 0, 1]);
});

test("a store without a database answers before a call returns, and what it has answered is in its PGlite", async () => {
  const store = new SessionsStore();
  expect(await promised(store).length()).toBe(0);
  const now = <Result>(start: (callback: (error: Error | null, result?: Result) => void) => void) => {
    const results: unknown[] = [];
    start((error, result) => results.push(error ?? result));
    return results;
  };
  const session = sessionUntil(Date.now() + MINUTE_MS, { user: "ada", text: "\0 \ud800é" });
  expect(now((callback) => store.get("sid", callback))).toEqual([undefined]);
  expect(now((callback) => store.set("sid", session, callback))).toEqual([undefined]);
  const [read] = now((callback) => store.get("sid", callback)) as [typeof session];
  expect(read).toStrictEqual(session);
  expect(now((callback) => store.set("sid", Object.assign(read, { cart: ["tea"] }), callback))).toEqual([undefined]);
  // `all` asks the table.
  expect(Object.values(await promised(store).all())).toStrictEqual([{ ...session, cart: ["tea"] }]);
  expect(now((callback) => store.destroy("sid", callback))).toEqual([undefined]);
  expect(now((callback) => store.set("sid", Object.assign(read, { late: 1 }), callback))).toEqual([undefined]);
  expect(now((callback) => store.get("sid", callback))).toEqual([undefined]);
  // An error of a callback is its caller's.
  expect(() =>
    store.get("sid", () => {
      throw new Error("mine");
    }),
  ).toThrow("mine");
});

test("a value that is no JSON is an error of its call", async () => {
  const node = promised(new SessionsStore());
  const session: Record<string, unknown> = { cookie: {} };
  session["self"] = session;
  await expect(node.set("sid", session)).rejects.toMatchObject({ code: "internal" });
});

test.each([
  ["schema", { schema: "A b" }],
  ["namespace", { namespace: "é" }],
  ["ttlMs", { ttlMs: 0 }],
  ["touchEveryMs", { touchEveryMs: -1 }],
  ["allAtMost", { allAtMost: 0.5 }],
  ["adopt", { adopt: { table: "session" } }],
])("`%s` is refused by its name", (option, options) => {
  expect(() => new SessionsStore(options)).toThrow(new RegExp(`^configuration_invalid: \`${option}\` `));
});
