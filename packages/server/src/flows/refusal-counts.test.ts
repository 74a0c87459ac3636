import type { Kysely } from "kysely";
import { expect, test, vi } from "vitest";
import { notes, submit } from "../testing/bank.ts";
import { RefusalCounts } from "./refusal-counts.ts";
import * as rows from "./rows/refusals.ts";
import type { Tables } from "./rows/tables.ts";

const refused = { status: "refused", refusal: { code: "unknown_step", step: "x" } } as const;
const command = submit("0190b2f4-0000-7000-8000-000000000001", "left", {});

test("counts that the database does not take are written the next time, with those that came since", async () => {
  const written: number[] = [];
  const write = vi.spyOn(rows, "addRefusals").mockRejectedValueOnce(new Error("away"));
  write.mockImplementation((_db, _schema, counts) => {
    written.push(...counts.map(({ n }) => n));
    return Promise.resolve();
  });
  const report = vi.fn();
  const db = {} as Kysely<Tables>;
  const counts = new RefusalCounts({ db, schema: "sessions", now: () => 0, report });
  counts.count(notes, command, refused);
  await counts.write();
  expect([written, report.mock.calls.length]).toEqual([[], 1]);
  counts.count(notes, command, refused);
  await counts.write();
  expect(written).toEqual([2]);
  await counts.write();
  expect(written).toEqual([2]);
});
