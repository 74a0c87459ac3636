import type { Json } from "@sessions/core";

/** The text that an input shows for a draft's field. The field may hold any JSON. */
export function textOf(value: Json | undefined): string {
  return typeof value === "number" || typeof value === "string" ? String(value) : "";
}
