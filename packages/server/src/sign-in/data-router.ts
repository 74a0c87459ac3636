import { TRPCError } from "@trpc/server";
import { z } from "zod";
import type { DataRefusal } from "@sessions/core/internal";
import type { VersionedValue, WaitingValue } from "./visit/data/kept-data.ts";

/**
 * A value and its version, which is 0 for a value that nobody has set. Without `value` there is none. `conflicts` are the
 * values that wait beside it, if there are any.
 */
export type DataReply = VersionedValue & { readonly conflicts?: readonly WaitingValue[] };

/** What became of a change. A conflict tells the value that stands: another change came first. */
export type SetDataReply =
  | { readonly status: "changed"; readonly version: number }
  | ({ readonly status: "conflict" } & VersionedValue)
  | ({ readonly status: "refused" } & DataRefusal);

const keySchema = z.string().max(50);

export const getDataSchema = z.object({ key: keySchema });

export const setDataSchema = z.object({
  key: keySchema,
  /** The version that the page has seen. */
  base: z.int().min(0).max(2_147_483_646),
  /** An id of this change. A repeat of the same change has the same one. */
  change: z.uuid(),
  /** Without it, the value is removed. */
  value: z.unknown().optional(),
  /** The ids of `conflicts` that the change decides about. */
  resolves: z.array(z.string().max(60)).max(10).optional(),
});

/** A key that is the server's alone looks like none. */
export function unknownKey(): TRPCError {
  return new TRPCError({ code: "NOT_FOUND", message: "The option `data` has no such key for pages." });
}
