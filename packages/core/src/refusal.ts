import { z } from "zod";
import "./jitless.ts";
import { assuranceLevels } from "./flow/assurance-level.ts";
import type { Json } from "./json.ts";

/** Every expected "no", with its meaning for the person: one for each code of {@link refusalSchema}. docs/errors.md has a heading for each. */
export const refusalCodes = {
  invalid_input: "The input does not fit the step's schema.",
  conflict: "The step, or one that it depends on, was changed elsewhere meanwhile.",
  step_unreachable: "The step is not on the path, or one before it is missing.",
  rejected: "The application refused it, and gives a reason.",
  sign_in_again: "The step asks for a newer or stronger proof of who the person is.",
  guest: "A guest of one session may not do this. Its owner may.",
  limit_reached: "A usage limit is reached.",
  ended: "The session has already ended.",
  expired: "The session's deadline has passed.",
  not_found: "There is no such session.",
  flow_not_served: "The server does not serve this flow.",
  unknown_step: "The flow has no such step.",
  command_mismatch: "This id was already used for something else.",
  outdated: "Client and server run different versions of the flow or the protocol.",
  too_large: "The input is too large.",
  blocked: "Something between the page and the server refuses it, again and again.",
  too_many_commands: "Too many commands at once, or in one session.",
  malformed: "This is not a command.",
  busy: "The server has too much to do. Nothing was changed. Try again.",
  failed: "The application's own code failed on the server. Nothing was changed.",
  unsettled: "A `confirm` step waits until all before it is saved, and all after it until the server has answered.",
  offline: "A `confirm` step is sent only while the server can be reached.",
} as const satisfies Readonly<Record<Refusal["code"], string>>;

export type RefusalCode = keyof typeof refusalCodes;

const json = z.custom<Json>(() => true);
/** The problems of an input: where each is, and the schema's message. */
const issues = z.array(z.object({ path: z.array(z.union([z.string(), z.number()])), message: z.string() }));

/** The number of further issues, which are not named. */
const more = z.int().optional();

/** The schema of a {@link Refusal}. A comment above a code tells its fields. */
export const refusalSchema = z.discriminatedUnion("code", [
  z.object({ code: z.literal("invalid_input"), step: z.string(), issues, more }),
  /**
   * `theirs` is the current value; null if the step is not submitted any more. `changed` names the steps that have changed
   * since the person saw them.
   */
  z.object({ code: z.literal("conflict"), step: z.string(), changed: z.array(z.string()), theirs: json }),
  /** `current`: the step at which the session is. */
  z.object({ code: z.literal("step_unreachable"), step: z.string(), current: z.string() }),
  /** `reason`: the text that the application's handler gave. */
  z.object({ code: z.literal("rejected"), step: z.string(), reason: z.string() }),
  /** `freshMs`: how old the proof may be, in milliseconds. `level`: how strong it must be. Each is there if the step asks for it. */
  z.object({
    code: z.literal("sign_in_again"),
    step: z.string(),
    freshMs: z.int().optional(),
    level: z.enum(assuranceLevels).optional(),
  }),
  /**
   * `limit`: the limit's name. `atMost`: its number. `resetsAt`: the time from which it is possible again, as ISO 8601 in UTC.
   * It is null if that depends on the person.
   */
  z.object({
    code: z.literal("limit_reached"),
    limit: z.string(),
    atMost: z.int(),
    resetsAt: z.string().nullable(),
  }),
  /** `status`: how the session ended. */
  z.object({ code: z.literal("ended"), status: z.enum(["completed", "cancelled"]) }),
  /** `at`: the session's deadline, as ISO 8601 in UTC. */
  z.object({ code: z.literal("expired"), at: z.string() }),
  z.object({ code: z.literal("not_found") }),
  z.object({ code: z.literal("guest") }),
  z.object({ code: z.literal("flow_not_served"), flow: z.string() }),
  z.object({ code: z.literal("unknown_step"), step: z.string() }),
  z.object({ code: z.literal("command_mismatch") }),
  /** `given`: the version of the command, its session or its protocol. `current`: that of the code that judges it. */
  z.object({ code: z.literal("outdated"), given: z.int(), current: z.int() }),
  /** `atMost`: how many characters of JSON an input, or the drafts of a step, may have. For a whole push: how many bytes. */
  z.object({ code: z.literal("too_large"), atMost: z.int() }),
  /** `status`: the HTTP status of the answer. It is 0 if the answer redirected the page to another origin. */
  z.object({ code: z.literal("blocked"), status: z.int() }),
  /** `atMost`: how many commands a push, or a session, may have. */
  z.object({ code: z.literal("too_many_commands"), atMost: z.int() }),
  z.object({ code: z.literal("malformed"), issues, more }),
  /** `retryAfterMs`: how long to wait before the next try, in milliseconds. */
  z.object({ code: z.literal("busy"), retryAfterMs: z.int() }),
  z.object({ code: z.literal("failed") }),
  /** `pending`: how many commands of the session wait for an outcome. */
  z.object({ code: z.literal("unsettled"), pending: z.int() }),
  z.object({ code: z.literal("offline") }),
]);

/**
 * An expected "no", returned as data: nothing was changed. `code` is one of {@link refusalCodes}, and tells which other
 * fields there are. docs/errors.md gives the causes of each, and what to do.
 *
 * @example
 * const outcome = await session.submit("amount", { cents: 12_300 });
 * if (outcome.status === "refused" && outcome.refusal.code === "limit_reached") showLimit(outcome.refusal.resetsAt);
 */
export type Refusal = z.infer<typeof refusalSchema>;
