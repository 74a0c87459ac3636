import { z } from "zod";
import { deviceSchema, textSchema, type Command } from "./command.ts";
import { idSchema } from "../id.ts";
import { refusalSchema } from "../refusal.ts";
import { snapshotSchema } from "./snapshot.ts";

/** Raised whenever a wire schema changes; a test compares their hash. */
export const PROTOCOL_VERSION = 1;

/** How many commands one push may carry. */
export const MAX_COMMANDS = 100;

/** How many revisions one `watch` may name. */
export const MAX_KNOWN_REVISIONS = 1_000;

/** How many commands other than drafts one session may take in its life. */
export const MAX_SESSION_COMMANDS = 1_000;

const time = z.iso.datetime();

/**
 * The owner that the client believes is signed in. Another tab of the same browser may have signed in somebody else. Then
 * the request is refused as UNAUTHORIZED: one person's queue must not be pushed as another's.
 */
const owner = z.string().min(1).max(200).optional();

/**
 * The outcome of a command. `replayed`: it made no revision of its own. Either it had been accepted before, and this is its
 * first outcome, or it is a draft that was written together with the one before it.
 */
export const outcomeSchema = z.discriminatedUnion("status", [
  z.object({ status: z.literal("accepted"), revision: z.int(), replayed: z.boolean() }),
  z.object({ status: z.literal("refused"), refusal: refusalSchema }),
]);
export type Outcome = z.infer<typeof outcomeSchema>;

export const pushRequestSchema = z.object({
  owner,
  protocol: z.int(),
  device: deviceSchema,
  // The server counts the commands, then parses each by itself: a malformed one does not block the others.
  commands: z.custom<readonly Command[]>(Array.isArray, "A list of commands."),
});
export const pushReplySchema = z.object({
  /** The server's clock. */
  now: time,
  /** One outcome for each command, in their order. A push that is too large as a whole gets a single outcome. */
  outcomes: z.array(outcomeSchema),
  /**
   * The newest snapshot of each of the owner's sessions that the commands name, as many as there is room for. An accepted
   * command took effect even if its session is missing here. The client gets the session when it sends the command again.
   */
  snapshots: z.array(snapshotSchema),
});

export const readRequestSchema = z.object({ owner, session: idSchema });
export const readReplySchema = z.object({ now: time, session: snapshotSchema.nullable() });

/**
 * The place where a page of a list ended. The owner's sessions form one sequence: the active ones by id, newest first, then
 * the ended ones, newest first. `endedAt` is null if the page ended among the active ones.
 */
const cursor = z.object({ endedAt: time.nullable(), id: idSchema });

export const listRequestSchema = z.object({
  owner,
  flow: textSchema.max(100).nullable(),
  /** The most sessions to return. A page also has a limit in bytes, so fewer come if they are large. */
  limit: z.int().min(1).max(100),
  /** The `next` of the page before; null for the first page. */
  after: cursor
    .extend({
      endedAt: time
        .max(30)
        .refine((at) => at >= "1970", "Before any session.")
        .nullable(),
    })
    .nullable(),
});
export const listReplySchema = z.object({
  now: time,
  active: z.array(snapshotSchema),
  ended: z.array(snapshotSchema),
  /** Pass as `after` for the next page; null when this is the last. */
  next: cursor.nullable(),
});

export const watchRequestSchema = z.object({
  owner,
  protocol: z.int(),
  /** The revisions that the client has, by session. The server sends only newer ones. */
  known: z
    .custom<Readonly<Record<string, number>>>(
      (known) => typeof known === "object" && known !== null && Object.keys(known).length <= MAX_KNOWN_REVISIONS,
      `Up to ${MAX_KNOWN_REVISIONS} revisions by session.`,
    )
    .pipe(z.record(idSchema, z.int())),
  /** Asks only for sessions with older ids, for which `changes` had no room. It is the id of that reply's last snapshot. */
  after: idSchema.optional(),
});
/**
 * A stream begins with all snapshots newer than `known`, in as many events as they need. `more` says that another event
 * follows at once. Later events hold the changed sessions. An event without snapshots is a heartbeat.
 */
export const watchEventSchema = z.object({
  protocol: z.int(),
  now: time,
  snapshots: z.array(snapshotSchema),
  more: z.boolean(),
});

export const receiptRequestSchema = z.object({ owner, session: idSchema, command: idSchema });
/** `outcome` is null when no accepted command of that id is known. */
export const receiptReplySchema = z.object({ now: time, outcome: outcomeSchema.nullable() });

export type PushRequest = z.infer<typeof pushRequestSchema>;
export type PushReply = z.infer<typeof pushReplySchema>;
export type ReadRequest = z.infer<typeof readRequestSchema>;
export type ReadReply = z.infer<typeof readReplySchema>;
export type ListRequest = z.infer<typeof listRequestSchema>;
export type ListReply = z.infer<typeof listReplySchema>;
export type WatchRequest = z.infer<typeof watchRequestSchema>;
export type WatchEvent = z.infer<typeof watchEventSchema>;
export type ReceiptRequest = z.infer<typeof receiptRequestSchema>;
export type ReceiptReply = z.infer<typeof receiptReplySchema>;
