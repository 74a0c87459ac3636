import type { Kysely } from "kysely";
import { parquetReadObjects, parquetSchema, parquetMetadata } from "hyparquet";
import { expect, onTestFinished, test, vi } from "vitest";
import { addCounts, type PlacedCount } from "../../funnels/rows/counts.ts";
import { createKysely } from "../../postgres/database.ts";
import { sessionsOn } from "../../testing/cli.ts";
import { freshDatabase } from "../../testing/postgres.ts";
import { runCli } from "../program.ts";

const { pool, url } = await freshDatabase();

/** Runs the program, and collects the bytes that it writes. */
async function bytesOf(...words: readonly string[]): Promise<ArrayBuffer> {
  const parts: Buffer[] = [];
  const code = await runCli(words, {
    databaseUrl: url,
    stop: new AbortController().signal,
    write: async (part) => void parts.push(Buffer.from(part as Uint8Array)),
    writeError: () => {},
    isWatched: false,
  });
  expect(code).toBe(0);
  return Uint8Array.from(Buffer.concat(parts)).buffer;
}

const counted = (step: string | null, kind: PlacedCount["counted"], tookMs: number | null = null) =>
  ({ flow: "notes é", version: 2, month: "2026-11", step, counted: kind, tookMs }) satisfies PlacedCount;

test("without tables of funnels, the command says how to make them", async () => {
  await sessionsOn(url, "migrate");
  const ended = await sessionsOn(url, "export", "--funnels", "steps");
  expect(ended).toMatchObject({ code: 1, stdout: "" });
  expect(ended.stderr).toContain("run `sessions migrate --funnels`");
});

test("a view of funnels is written as a line for each row, and as Parquet with the same rows", async () => {
  expect(await sessionsOn(url, "migrate", "--funnels")).toMatchObject({ code: 0 });
  await addCounts(createKysely(pool) as unknown as Kysely<object>, "sessions", [
    counted(null, "started"),
    counted(null, "completed", 4_500_000_000_000),
    counted("left", "entered"),
    counted("left", "submitted", 1_500),
    counted("left", "drafted", 500),
    counted("left", "typed", 1_000),
    counted("middle", "entered"),
  ]);
  const place = { flow: "notes é", version: 2, month: "2026-11-01" };
  const none = { submitted: 0, corrected: 0, cancelled: 0, expired: 0, lifted_out: 0 };
  const drafted = { drafted: 1, seconds_before: 0.5, seconds_typing: 1 };
  const steps = [
    { ...place, step: "left", entered: 1, ...none, submitted: 1, seconds: 1.5, ...drafted },
    {
      ...place,
      step: "middle",
      entered: 1,
      ...none,
      seconds: 0,
      drafted: 0,
      seconds_before: 0,
      seconds_typing: 0,
    },
  ];
  const durations = [
    { ...place, step: "left", below_s: 2, n: 1 },
    { ...place, step: null, below_s: 2 ** 33, n: 1 },
  ];
  for (const [view, expected] of Object.entries({ steps, durations })) {
    const { code, stdout, stderr } = await sessionsOn(url, "export", "--funnels", view);
    expect({ code, stderr }).toEqual({ code: 0, stderr: `2 rows of funnel_${view}.\n` });
    expect(
      stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(expected);

    const file = await bytesOf("export", "--funnels", view, "--format", "parquet");
    const rows = await parquetReadObjects({ file });
    // Counts have 64 bits, and a month is a date.
    expect(
      rows.map((row) =>
        Object.fromEntries(
          Object.entries(row).map(([name, value]) => [
            name,
            typeof value === "bigint"
              ? Number(value)
              : value instanceof Date
                ? value.toISOString().slice(0, 10)
                : value,
          ]),
        ),
      ),
    ).toEqual(expected);
  }
  const whole = parquetMetadata(await bytesOf("export", "--funnels", "sessions", "--format", "parquet"));
  expect(whole.num_rows).toBe(1n);
  expect(parquetSchema(whole).children.map(({ element }) => element.name)).toEqual(
    (await pool.query("select * from sessions.funnel_sessions")).fields.map(({ name }) => name),
  );
});

test("the columns of the files are those of the views", async () => {
  for (const view of ["steps", "sessions", "durations"]) {
    const { fields, rows } = await pool.query(`select * from sessions.funnel_${view}`);
    const [line] = (await sessionsOn(url, "export", "--funnels", view)).stdout.split("\n");
    expect(rows.length).toBeGreaterThan(0);
    expect(Object.keys(JSON.parse(line!) as object)).toEqual(fields.map(({ name }) => name));
  }
});

test("a view without rows is a Parquet file without rows", async () => {
  await pool.query("truncate sessions.funnel_count, sessions.funnel_duration");
  expect(
    await parquetReadObjects({ file: await bytesOf("export", "--funnels", "steps", "--format", "parquet") }),
  ).toEqual([]);
});

test("without the package that writes Parquet, the command names it", async () => {
  vi.doMock("hyparquet-writer", () => {
    throw new Error("Not installed.");
  });
  onTestFinished(() => {
    vi.doUnmock("hyparquet-writer");
  });
  const ended = await sessionsOn(url, "export", "--funnels", "steps", "--format", "parquet");
  expect(ended).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("hyparquet-writer") });
});

test.each([
  ["nothing to export", []],
  ["two things to export", ["2026-11", "--funnels", "steps"]],
  ["a view that is not there", ["--funnels", "all"]],
  ["a month as Parquet", ["2026-11", "--format", "parquet"]],
])("%s is refused", async (_, words) => {
  expect(await sessionsOn(url, "export", ...words)).toMatchObject({ code: 2, stdout: "" });
});
