import { TRPCError } from "@trpc/server";
import { SessionsError, storable } from "@sessions/core";
import { withTimeLimit } from "../time-limit.ts";

/** The answer of the application's `identify`: an owner, or nobody. */
export type Identified = { readonly owner: string } | null | undefined | false | "" | 0;

/**
 * The owner of a request; undefined when nobody is signed in.
 *
 * @throws {SessionsError} `identify_failed` or `context_invalid`.
 */
export async function identifyOwner(run: () => Promise<Identified>, timeMs: number): Promise<string | undefined> {
  return ownerFrom(await identify(run, timeMs));
}

/** Runs the application's `identify`, for up to `timeMs` milliseconds. */
async function identify(run: () => Promise<Identified>, timeMs: number): Promise<Identified> {
  let identified: readonly [Identified] | undefined;
  try {
    identified = await withTimeLimit(
      timeMs,
      run().then((answer) => [answer] as const),
    );
  } catch (cause) {
    if (cause instanceof TRPCError) throw cause;
    throw new SessionsError("identify_failed", "Nothing was read or written.", { cause });
  }
  if (identified === undefined) {
    throw new SessionsError(
      "identify_failed",
      `\`identify\` did not answer within ${timeMs} ms. Nothing was read or written.`,
    );
  }
  return identified[0];
}

function ownerFrom(identified: Identified): string | undefined {
  if (!identified) return undefined;
  const { owner } = identified;
  if (typeof owner !== "string" || owner === "" || owner.length > 200 || !storable(owner).ok) {
    throw new SessionsError("context_invalid", "`identify` returns { owner }, a text of 1 to 200 characters.");
  }
  return owner;
}
