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
export const MAX_KNOWN = 1_000;

/** How many commands other than drafts one session may take in its life. */
export const MAX_SESSION_COMMANDS = 1_000;

const time = z.iso.datetime();

/**
 * Whom the client takes itself to be. When somebody else is signed in by then, in another tab of the same browser,
 * the request is refused as UNAUTHORIZED: one person's queue must not be pushed as another's.
 */
const owner = z.string().min(1).max(200).optional();

/**
 * What became of a command. `replayed`: it made no revision of its own. It had been accepted before, and this is that
 * first outcome; or it is a draft that was written with the one before it.
 */
export const outcomeSchema = z.discriminatedUnion("outcome", [
  z.object({ outcome: z.literal("accepted"), revision: z.int(), replayed: z.boolean() }),
  z.object({ outcome: z.literal("refused"), refusal: refusalSchema }),
]);
export type Outcome = z.infer<typeof outcomeSchema>;

export const pushRequestSchema = z.object({
  owner,
  protocol: z.int(),
  device: deviceSchema,
  // Each command is parsed by itself, so that a malformed one does not block its neighbours, and none before they are counted.
  commands: z.custom<readonly Command[]>(Array.isArray, "A list of commands."),
});
export const pushReplySchema = z.object({
  /** The server's clock. */
  now: time,
  /** One for each command, in their order. A push that is too large as a whole gets a single one for all of it. */
  outcomes: z.array(outcomeSchema),
  /**
   * The newest snapshot of each session that the commands name and the owner has, as many as there is room for. What
   * was accepted in another one took effect: sent again, it is answered with its session.
   */
  snapshots: z.array(snapshotSchema),
});

export const readRequestSchema = z.object({ owner, session: idSchema });
export const readReplySchema = z.object({ now: time, session: snapshotSchema.nullable() });

/**
 * Where a page of a list ended. The owner's sessions form one sequence: the active ones by id, newest first, then the
 * ended ones, newest first. `endedAt` is null while the page ended among the active ones.
 */
const cursor = z.object({ endedAt: time.nullable(), id: idSchema });

export const listRequestSchema = z.object({
  owner,
  flow: textSchema.max(100).nullable(),
  /** Sessions to return at most. Fewer come when they are large: a page ends by bytes as well. */
  limit: z.int().min(1).max(100),
  /** Where the page before ended, as its `next`; null for the first page. */
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
  /** The revisions that the client has, by session: it is sent only what is newer. */
  known: z
    .custom<Readonly<Record<string, number>>>(
      (known) => typeof known === "object" && known !== null && Object.keys(known).length <= MAX_KNOWN,
      `Up to ${MAX_KNOWN} revisions by session.`,
    )
    .pipe(z.record(idSchema, z.int())),
  /** Only sessions of older ids: those that `changes` had no room for. The last snapshot of the reply before names it. */
  after: idSchema.optional(),
});
/**
 * A stream begins with everything newer than `known`, in as many events as that takes: `more` says that another
 * follows at once. Later events hold what changed; one without snapshots is a heartbeat.
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
