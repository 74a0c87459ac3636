import { z } from "zod";
import "./jitless.ts";
import { idSchema } from "./id.ts";
import { isWellFormed, type Json } from "./json.ts";
import { slotSchema, type Slot } from "./slot.ts";
import { stampSchema } from "./stamp.ts";

const json = z.custom<Json>((value) => value !== undefined);
const name = z.string().min(1).max(100);
const version = z.int().positive().max(1_000_000);

/** Text that every engine can keep. */
export const textSchema = z.string().refine((text) => isWellFormed(text) && !text.includes("\0"), "Not storable text.");

/** A name as people may be shown it: without what is no character of it, such as what turns the direction of all that follows. */
export function readable(name: string): string {
  return name.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu, "");
}

/**
 * Whether a record's entries look right at all. One issue then says enough of one that does not: a hundred thousand
 * wrong entries must not become as many issues.
 */
const looksRight = (mayBe: (entry: unknown) => boolean) => (given: unknown) =>
  typeof given === "object" && given !== null && Object.values(given).every((entry) => mayBe(entry));

const seen = z
  .custom<Record<string, string | null>>(
    looksRight((entry) => entry === null || typeof entry === "string"),
    "Not commands by step.",
  )
  .pipe(z.record(name, idSchema.nullable()));

const fields = z
  .custom<Record<string, Slot>>(
    looksRight((entry) => typeof entry === "object" && entry !== null && "at" in entry),
    "Not what was typed, by field.",
  )
  .pipe(z.record(name, slotSchema));

/** One browser profile or app install of an owner. `name` is for people: "Chrome on Linux". */
export const deviceSchema = z.object({
  id: idSchema,
  name: textSchema.max(100).overwrite(readable),
});
export type Device = z.infer<typeof deviceSchema>;

const start = z.object({
  kind: z.literal("start"),
  id: idSchema,
  session: idSchema,
  flow: name,
  version,
});

const submit = z.object({
  kind: z.literal("submit"),
  id: idSchema,
  session: idSchema,
  version,
  step: name,
  input: json,
  /** For the step and each that it depends on: the command whose submission the person saw there; null for none. */
  seen,
  /**
   * The newest stamp of each device in the drafts of the step that the person saw: what was typed until then was
   * decided on with `input`, and a draft of it that arrives later changes nothing.
   */
  typed: z.array(stampSchema).max(100).optional(),
});

const draft = z.object({
  kind: z.literal("draft"),
  id: idSchema,
  session: idSchema,
  version,
  step: name,
  /** As in a submission. What another device submitted in the step meanwhile is a conflict, unless it has seen the draft. */
  seen: seen.optional(),
  fields,
});

const cancel = z.object({ kind: z.literal("cancel"), id: idSchema, session: idSchema, version });

/** One thing that a client asks for. Every write is a command. */
export const commandSchema = z.discriminatedUnion("kind", [start, submit, draft, cancel]);

export type Command = z.infer<typeof commandSchema>;
export type StartCommand = z.infer<typeof start>;
export type SubmitCommand = z.infer<typeof submit>;
export type DraftCommand = z.infer<typeof draft>;
export type CancelCommand = z.infer<typeof cancel>;
