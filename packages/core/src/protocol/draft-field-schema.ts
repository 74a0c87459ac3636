import { z } from "zod";
import type { Json } from "../json.ts";
import { MAX_SEEN, type DraftField } from "./draft-field.ts";

// It is apart from the functions on draft fields and stamps, because a browser sends draft fields and never checks any.

export const stampSchema = z.string().regex(/^\d{15}-[0-9a-f]{4}-[0-9a-f-]{36}$/, "Not a stamp.");

export const draftFieldSchema = z.object({
  value: z.custom<Json>((value) => value !== undefined).optional(),
  at: stampSchema,
  seen: z.array(stampSchema).max(MAX_SEEN).optional(),
}) satisfies z.ZodType<DraftField>;
