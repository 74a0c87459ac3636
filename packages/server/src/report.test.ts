import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { SessionsError } from "@sessions/core";
import { stackFrames, logFault } from "./report.ts";

afterEach(() => vi.unstubAllEnvs());
afterEach(() => vi.restoreAllMocks());

/** What is logged of a fault with this cause. */
function logged(cause: unknown): string {
  const said = vi.spyOn(console, "error").mockImplementation(() => {});
  logFault(new SessionsError("handler_failed", "Step a.", { cause }));
  return said.mock.calls.flat().join("\n");
}

class Named extends Error {
  override name = "Named";
}

const hostile = [
  "Mr. Secret\n    at Secret street 1",
  "\n    at secret (/secret.ts:1:1)",
  "    at secret (/secret.ts:1:1)",
  "Error: a\n    at secret (/secret.ts:1:1)\n    at secret (/secret.ts:1:1)",
  "r\n    at secret (/secret.ts:1:1)\n",
  "secret\r\n    at secret (/secret.ts:1:1)\r",
];

test.for(hostile)("S11: lines of a message that look like a stack's are not logged: %j", (message) => {
  const errors = [new Error(message), new Named(message), new TypeError(message), new DOMException(message, "Abort")];
  for (const error of errors) {
    for (const cause of [error, new Error("outer", { cause: error }), new AggregateError([error], message)]) {
      const text = logged(cause);
      expect(text).not.toMatch(/secret/i);
      expect(text).toContain("report.test");
    }
  }
});

test("S11: neither are those of a message or a name that was changed", () => {
  const [first] = hostile;
  const worded = new Error(first);
  const inside = new Error(first);
  const emptied = new Error(first);
  const renamed = new Error(first);
  for (const error of [worded, inside, emptied]) expect(error.stack).toContain("Secret");
  worded.message = "Something else.";
  inside.message = "Mr. Secret";
  emptied.message = "";
  renamed.name = first!;
  const cycle: Error & { cause?: unknown } = new Error(first);
  cycle.cause = new AggregateError([cycle, worded, inside, emptied, renamed], first);
  expect(logged(cycle)).not.toMatch(/secret/i);
  for (const odd of [Object.assign(new Error("x"), { stack: 5 }), "a text", null])
    expect(logged(odd)).toMatch(/^handler_failed/);
});

test("S11: whatever a message says, the frames are those of the same error without one", () => {
  const part = fc.oneof(
    fc.string(),
    fc.constantFrom("\n", "    at ", "at f (/a.ts:1:1)", "Error: ", "\n    at f (/a.ts:1:1)"),
  );
  const errorOf = (message: string) => new Error(message);
  const frames = stackFrames(errorOf("plain"));
  expect(frames.length).toBeGreaterThan(0);
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
      const found = stackFrames(errorOf(parts.join("")));
      expect(found[0]).toBe(frames[0]);
      expect(found.some((line) => line.includes("/a.ts"))).toBe(false);
    }),
    { examples: [[[" "]], [[":"]], [["E"]], [["Error: "]]] },
  );
});

test("in development a cause's message is told, and every cause has its frames", () => {
  vi.stubEnv("NODE_ENV", "development");
  const text = logged(new AggregateError([new Error("left"), new RangeError("right")], "both"));
  expect(text).toMatch(/caused by AggregateError: both\n {4}at .*caused by Error: left\n {4}at .*RangeError: right/s);
});
