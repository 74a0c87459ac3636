import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { z } from "zod";
import { commandSchema, deviceSchema } from "./command.ts";
import * as protocol from "./protocol.ts";
import { PROTOCOL_VERSION } from "./protocol.ts";
import recorded from "../testing/protocol-record.json" with { type: "json" };

// Every schema that protocol.ts exports, and the commands, which a push carries unparsed.
const wire = Object.entries<unknown>({ ...protocol, commandSchema }).filter(
  (entry): entry is [string, z.ZodType] => entry[1] instanceof z.ZodType,
);

function hashOf(schemas: readonly (readonly [string, z.ZodType])[]): string {
  const described = schemas.map(([name, schema]) => [name, z.toJSONSchema(schema, { unrepresentable: "any" })]);
  return createHash("sha256")
    .update(JSON.stringify(ordered(Object.fromEntries(described))))
    .digest("hex");
}

/** Sorts keys, and lists of names such as `required`: moving a field is no change. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value))
    return value.every((item) => typeof item === "string") ? value.toSorted() : value.map(ordered);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, item]) => [key, ordered(item)]),
  );
}

test("the wire schemas are those recorded for this protocol version", () => {
  const found = { version: PROTOCOL_VERSION, hash: hashOf(wire) };
  const advice =
    found.hash !== recorded.hash && found.version === recorded.version
      ? `The wire schemas changed: raise PROTOCOL_VERSION in packages/core/src/protocol/protocol.ts, then record the new hash`
      : "Record the new protocol version and hash";
  expect(found, `${advice} in packages/core/src/testing/protocol-record.json: ${JSON.stringify(found)}`).toEqual(
    recorded,
  );
});

test("all schemas of the wire are covered, and a changed field changes the hash", () => {
  expect(wire.map(([name]) => name)).toEqual(
    expect.arrayContaining([
      "pushRequestSchema",
      "pushReplySchema",
      "watchEventSchema",
      "outcomeSchema",
      "commandSchema",
    ]),
  );
  const one = z.object({ a: z.int(), b: z.string() });
  const moved = z.object({ b: z.string(), a: z.int() });
  const changed = z.object({ a: z.int(), b: z.string().nullable() });
  expect(hashOf([["s", moved]])).toBe(hashOf([["s", one]]));
  expect(hashOf([["s", changed]])).not.toBe(hashOf([["s", one]]));
});

test("a command that is more than its schema names loses the rest, and one that lacks something is none", () => {
  const cancel = {
    kind: "cancel",
    id: "01900000-0000-7000-8000-000000000001",
    session: "01900000-0000-7000-8000-000000000002",
    version: 1,
  };
  expect(commandSchema.parse({ ...cancel, owner: "someone else" })).toEqual(cancel);
  for (const wrong of [
    { ...cancel, kind: "complete" },
    { ...cancel, id: cancel.id.toUpperCase() + "F" },
    { ...cancel, version: 0 },
    null,
    [],
    "cancel",
  ]) {
    expect(commandSchema.safeParse(wrong).success).toBe(false);
  }
});

test("a device's name has nothing that changes how the text around it is read", () => {
  const id = "01900000-0000-7000-8000-000000000001";
  const name = "\u202Ephone\u202C\n of \u2066Ada\u2069\u200F\u2028";
  expect(deviceSchema.parse({ id, name })).toEqual({ id, name: "phone of Ada" });
  // Letters of every script stay, and so do the characters that join them.
  for (const name of ["טלפון של עדה", "هاتف آدا", "👩‍💻 Ada's", "می‌خواهم", "Zoë"]) {
    expect(deviceSchema.parse({ id, name })).toEqual({ id, name });
  }
});
