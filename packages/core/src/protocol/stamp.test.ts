import fc from "fast-check";
import { expect, test } from "vitest";
import { clampStamp, MAX_CLOCK_LEAD_MS, nextStamp, type Stamp } from "./stamp.ts";
import { stampSchema } from "./draft-field-schema.ts";
import { START_MS, devices } from "../testing/commands.ts";

const [phone, laptop] = devices.map(({ id }) => id) as [string, string];
const clock = fc.double({ min: 0, max: 2 * START_MS, noNaN: true });
const stamps = fc
  .tuple(fc.constantFrom(phone, laptop), fc.nat(START_MS), fc.nat(0xffff))
  .map(([device, ms, counter]) => `${String(ms).padStart(15, "0")}-${counter.toString(16).padStart(4, "0")}-${device}`);

test("a device's next stamp is after every stamp it has seen, whatever its clock says", () => {
  fc.assert(
    fc.property(clock, stamps, (nowMs, newest) => {
      const next = nextStamp(phone, nowMs, newest);
      expect(next > newest).toBe(true);
      expect(stampSchema.safeParse(next).success).toBe(true);
    }),
  );
});

test("a device's stamps rise under a clock that stands still, jumps and runs back", () => {
  fc.assert(
    fc.property(fc.array(clock, { minLength: 2 }), (clocks) => {
      let newest: Stamp | undefined;
      for (const nowMs of clocks) {
        const next = nextStamp(phone, nowMs, newest);
        if (newest !== undefined) expect(next > newest).toBe(true);
        newest = next;
      }
    }),
  );
});

test("a stamp whose counter is full moves on to the next millisecond", () => {
  const full = `${String(START_MS).padStart(15, "0")}-ffff-${phone}`;
  expect(nextStamp(phone, START_MS, full)).toBe(`${String(START_MS + 1).padStart(15, "0")}-0000-${phone}`);
});

test("two devices never issue the same stamp", () => {
  fc.assert(
    fc.property(clock, fc.option(stamps, { nil: undefined }), (nowMs, newest) => {
      expect(nextStamp(phone, nowMs, newest)).not.toBe(nextStamp(laptop, nowMs, newest));
    }),
  );
});

test("a stamp up to the allowed lead is kept, and one beyond it is pulled back to the reader's clock", () => {
  const at = (ms: number) => nextStamp(laptop, ms);
  expect(clampStamp(at(START_MS + MAX_CLOCK_LEAD_MS), START_MS)).toBe(at(START_MS + MAX_CLOCK_LEAD_MS));
  expect(clampStamp(at(START_MS + MAX_CLOCK_LEAD_MS + 1), START_MS)).toBe(at(START_MS));
  expect(clampStamp(at(START_MS - 1e9), START_MS)).toBe(at(START_MS - 1e9));
});
