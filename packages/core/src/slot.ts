import { z } from "zod";
import type { Json } from "./json.ts";
import { stampSchema } from "./stamp.ts";

/** What was typed in one field, and when. Without `value` the field was emptied, which wins and loses as any value does. */
export const slotSchema = z.object({
  value: z.custom<Json>((value) => value !== undefined).optional(),
  at: stampSchema,
});
export type Slot = z.infer<typeof slotSchema>;

/** A slot of a value, or of none. */
export function slotOf(value: Json | undefined, at: Slot["at"]): Slot {
  return value === undefined ? { at } : { value, at };
}
