import { z } from "zod";
import { deviceSchema } from "./command.ts";
import { idSchema } from "../id.ts";
import type { Json } from "../json.ts";
import { slotSchema, stampSchema } from "./slot-schema.ts";

const json = z.custom<Json>((value) => value !== undefined);
const time = z.iso.datetime();

export const statuses = ["active", "completed", "cancelled", "expired"] as const;
export type Status = (typeof statuses)[number];

/** The whole visible state of a session at one revision, as plain JSON. Times are ISO 8601 in UTC. */
export const snapshotSchema = z.object({
  id: idSchema,
  flow: z.string(),
  version: z.int(),
  /** 1, 2, 3, …: one per accepted command. */
  revision: z.int(),
  status: z.enum(statuses),
  /** What was submitted, by step, as the step's schema parsed it. */
  data: z.record(z.string(), json),
  /**
   * What was typed for it, by step, where the schema made something else of it; null for a sensitive step. It is what a
   * form is offered: a schema must not parse what it has parsed.
   */
  inputs: z.record(z.string(), json),
  /** What the server computed, by step. */
  outputs: z.record(z.string(), json),
  /** By which command, when and where each step was last submitted, and whether it was a sensitive one. */
  submissions: z.record(
    z.string(),
    z.object({
      command: idSchema,
      at: time,
      device: deviceSchema,
      typed: z.array(stampSchema).optional(),
      sensitive: z.literal(true).optional(),
    }),
  ),
  /** What has been typed and not yet submitted, by step and field. */
  drafts: z.record(z.string(), z.record(z.string(), slotSchema)),
  /** Where the last change was made. */
  device: deviceSchema,
  startedAt: time,
  updatedAt: time,
  /** When the session ends by itself unless something happens before. */
  expiresAt: time,
  endedAt: time.nullable(),
  /** What the application returned on completion. */
  result: json.nullable(),
});

export type Snapshot = z.infer<typeof snapshotSchema>;
export type Drafts = Snapshot["drafts"];
