import { z } from "zod";
import "../jitless.ts";
import { idSchema } from "../id.ts";
import { isWellFormed, type Json } from "../json.ts";
import { stripControlCharacters } from "./control-characters.ts";
import { draftFieldSchema, stampSchema } from "./draft-field-schema.ts";

/**
 * A record whose parsing stops at the first entry that does not fit: a request with thousands of such entries must not make
 * thousands of issues. It also refuses the entries that zod's record would leave out without an issue.
 */
function recordOf<Value>(
  key: z.ZodType<string, string>,
  value: z.ZodType<Value>,
  message: string,
): z.ZodType<Record<string, Value>> {
  const fits = (given: unknown) =>
    typeof given === "object" &&
    given !== null &&
    !Object.hasOwn(given, "__proto__") &&
    Object.entries(given).every(([name, item]) => key.safeParse(name).success && value.safeParse(item).success);
  return z.custom<Record<string, unknown>>(fits, message).pipe(z.record(key, value));
}

/** Like {@link recordOf}, for a list. */
function listOf<Item>(item: z.ZodType<Item>, atMost: number): z.ZodType<Item[]> {
  const fits = (given: unknown) =>
    Array.isArray(given) && given.length <= atMost && given.every((each) => item.safeParse(each).success);
  return z.custom<unknown[]>(fits, "Not a list of that.").pipe(z.array(item).max(atMost));
}

const json = z.custom<Json>((value) => value !== undefined);
const name = z.string().min(1).max(100);
const version = z.int().positive().max(1_000_000);

/** Text that every kind of Postgres can store. */
export const textSchema = z.string().refine((text) => isWellFormed(text) && !text.includes("\0"), "Not storable text.");

/** One browser profile or app install of an owner. `name` is for people: "Chrome on Linux". */
export const deviceSchema = z.object({
  id: idSchema,
  name: textSchema.max(100).overwrite(stripControlCharacters),
});
export type Device = z.infer<typeof deviceSchema>;

const seen = recordOf(name, idSchema.nullable(), "Not commands by step.");

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
  /** For the step and each step that it depends on: the command of the submission that the person saw; null for none. */
  seen,
  /**
   * The newest stamp of each device in the drafts of the step that the person saw. `input` replaces everything typed up to
   * these stamps: a draft with such a stamp changes nothing if it arrives later.
   */
  seenDrafts: listOf(stampSchema, 100).optional(),
});

const draft = z.object({
  kind: z.literal("draft"),
  id: idSchema,
  session: idSchema,
  version,
  step: name,
  /** As in a submission. The draft conflicts if another device submitted the step meanwhile without having seen the draft. */
  seen: seen.optional(),
  /** Its fields by their names. A name may be any text that a submission may have as a key. */
  fields: recordOf(textSchema, draftFieldSchema, "Not what was typed, by field."),
});

const cancel = z.object({ kind: z.literal("cancel"), id: idSchema, session: idSchema, version });

/** One request of a client to change a session. Every write is a command. */
export const commandSchema = z.discriminatedUnion("kind", [start, submit, draft, cancel]);

export type Command = z.infer<typeof commandSchema>;
export type StartCommand = z.infer<typeof start>;
export type SubmitCommand = z.infer<typeof submit>;
export type DraftCommand = z.infer<typeof draft>;
export type CancelCommand = z.infer<typeof cancel>;
