import type { Json } from "@sessions/core";

/** What an input shows of a draft's field, which may hold any JSON. */
export function textOf(value: Json | undefined): string {
  return typeof value === "number" || typeof value === "string" ? String(value) : "";
}
