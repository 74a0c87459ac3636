import { SessionsError } from "@sessions/core/internal";
import type { ColumnKind, FunnelRow } from "../../funnels/rows/views.ts";

/**
 * Rows as a file of Apache Parquet.
 *
 * @throws {SessionsError} `configuration_invalid` if the package that writes it is not there.
 */
export async function parquetFileOf(
  columns: Readonly<Record<string, ColumnKind>>,
  rows: readonly FunnelRow[],
): Promise<Uint8Array> {
  const { parquetWriteBuffer } = await import("hyparquet-writer").catch(() => {
    throw new SessionsError("configuration_invalid", "Install the package hyparquet-writer beside @sessions/server.");
  });
  const named = Object.entries(columns);
  return new Uint8Array(
    parquetWriteBuffer({
      schema: [{ name: "root", num_children: named.length }, ...named.map(([name, kind]) => elementOf(name, kind))],
      columnData: named.map(([name, kind]) => ({ name, data: rows.map((row) => valueOf(kind, row[name]!)) })),
    }),
  );
}

function elementOf(name: string, kind: ColumnKind) {
  switch (kind) {
    case "text":
      return { name, type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" } as const;
    case "month":
      return { name, type: "INT32", converted_type: "DATE", repetition_type: "REQUIRED" } as const;
    case "integer":
      return { name, type: "INT64", repetition_type: "REQUIRED" } as const;
    case "number":
      return { name, type: "DOUBLE", repetition_type: "REQUIRED" } as const;
  }
}

function valueOf(kind: ColumnKind, value: string | number | null) {
  if (kind === "integer") return BigInt(value!);
  if (kind === "month") return new Date(`${value}T00:00:00Z`);
  return value;
}
