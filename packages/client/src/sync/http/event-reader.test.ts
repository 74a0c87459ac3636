import { createParser } from "eventsource-parser";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createEventReader, type ServerEvent } from "./event-reader.ts";

const pieces = fc.constantFrom(
  "data",
  "event",
  "id",
  "retry",
  ":",
  ": ",
  " ",
  "x",
  "{}",
  "é",
  "\n",
  "\r",
  "\r\n",
  "\n\n",
);

test("events are read as a library reads them, however the text is cut", () => {
  fc.assert(
    fc.property(fc.array(fc.array(pieces, { maxLength: 12 }), { maxLength: 12 }), (parts) => {
      const [mine, theirs]: [ServerEvent[], ServerEvent[]] = [[], []];
      const read = createEventReader((event) => mine.push(event));
      const parser = createParser({ onEvent: ({ event = "message", data }) => theirs.push({ type: event, data }) });
      // An end that is no half of one.
      for (const part of [...parts.map((some) => some.join("")), "\n\n", "data: last\n\n"]) {
        read(part);
        parser.feed(part);
      }
      expect(mine).toEqual(theirs);
    }),
    { numRuns: 2_000 },
  );
});

test("an event of many parts is one, and what has no end yet is none", () => {
  const events: ServerEvent[] = [];
  const read = createEventReader((event) => events.push(event));
  for (const part of ["event: co", "nnected\r", "\ndata: a\ndata:b\n: a comment\n\r\nda", "ta: c\n"]) read(part);
  expect(events).toEqual([{ type: "connected", data: "a\nb" }]);
});
