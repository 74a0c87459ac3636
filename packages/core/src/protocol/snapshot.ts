import { z } from "zod";
import { deviceSchema } from "./command.ts";
import { idSchema } from "../id.ts";
import type { Json } from "../json.ts";
import { draftFieldSchema, stampSchema } from "./draft-field-schema.ts";

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
  /** The submitted data, by step, as the step's schema parsed it. */
  data: z.record(z.string(), json),
  /**
   * The submitted inputs as they were typed, by step, if the schema's parsed value differs; null for a sensitive step.
   * Forms show these, because a schema must not parse its own parsed value again.
   */
  inputs: z.record(z.string(), json),
  /** The outputs that the server computed, by step. */
  outputs: z.record(z.string(), json),
  /** The last submission of each step: its command, time and device, and whether the step was sensitive. */
  submissions: z.record(
    z.string(),
    z.object({
      command: idSchema,
      at: time,
      device: deviceSchema,
      seenDrafts: z.array(stampSchema).optional(),
      sensitive: z.literal(true).optional(),
    }),
  ),
  /** The fields that were typed and are not submitted yet, by step and field. */
  drafts: z.record(z.string(), z.record(z.string(), draftFieldSchema)),
  /** The device that made the last change. */
  device: deviceSchema,
  startedAt: time,
  updatedAt: time,
  /** The time at which the session ends by itself if nobody changes it before. */
  expiresAt: time,
  endedAt: time.nullable(),
  /** The value that the application returned on completion. */
  result: json.nullable(),
});

export type Snapshot = z.infer<typeof snapshotSchema>;
export type Drafts = Snapshot["drafts"];
