import { TRPCError } from "@trpc/server";
import { z } from "zod";
import type { DataRefusal } from "@sessions/core/internal";
import { answer, change, t, visitOf } from "./procedures.ts";
import type { VersionedValue, WaitingValue } from "../visit/data/kept-data.ts";

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

const getDataSchema = z.object({ key: keySchema });

const setDataSchema = z.object({
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

/** The values of the option `data` that pages may read and set. */
export const dataRouter = t.router({
  get: t.procedure.input(getDataSchema).query(({ ctx, input: { key } }): Promise<DataReply> =>
    answer(() => {
      const { data } = visitOf(ctx);
      if (!data.isForPages(key)) throw unknownKey();
      return data.read(key);
    }),
  ),

  set: change.input(setDataSchema).mutation(({ ctx, input: { key, ...made } }): Promise<SetDataReply> =>
    answer(async () => {
      const { data } = visitOf(ctx);
      if (!data.isForPages(key)) throw unknownKey();
      const result = await data.set(key, made);
      return result.status === "refused" ? { status: "refused", ...result.refusal } : result;
    }),
  ),
});

/** A key that is the server's alone looks like none. */
function unknownKey(): TRPCError {
  return new TRPCError({ code: "NOT_FOUND", message: "The option `data` has no such key for pages." });
}
