import type { RevokeResult, SignIn, SignInClient } from "@sessions/client/sign-in";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useSignIn } from "./use-sign-in.ts";

/** The places in which the owner is signed in, with functions to end them. */
export interface UseSignInsResult {
  /** `failed`: the server did not answer the last question. `signIns` is its last answer. */
  readonly status: "loading" | "loaded" | "failed";
  /** The newest first. Empty if nobody is signed in. */
  readonly signIns: readonly SignIn[];
  /** Whether there are more than these. */
  readonly more: boolean;
  /** Adds the next page. */
  loadMore(): Promise<void>;
  /** Asks the server again for the first page. */
  reload(): Promise<void>;
  /**
   * Ends one of them, and asks again. The count is 0 if there is none of this id any more.
   *
   * @throws {SessionsError} `server_unreachable`, like `revokeOthers`.
   */
  revoke(id: string): Promise<RevokeResult>;
  /** Ends all but this browser's, and asks again. */
  revokeOthers(): Promise<RevokeResult>;
}

interface Listed extends Pick<UseSignInsResult, "status" | "signIns"> {
  readonly next: string | null;
}

const nothing: Listed = { status: "loading", signIns: [], next: null };

/**
 * The places in which the owner is signed in. It asks the server when the component appears, and when another person or
 * nobody is signed in. The functions stay the same from render to render.
 *
 * @example
 * const { signIns, revoke, revokeOthers } = useSignIns(signIn);
 */
export function useSignIns(client: SignInClient): UseSignInsResult {
  const state = useSignIn(client);
  const owner = state.status === "signed_in" ? state.owner : null;
  const isKnown = state.status === "signed_in" || state.status === "signed_out";
  const [listed, setListed] = useState(nothing);
  // The number of the newest question. The answer to an older one is not shown.
  const asked = useRef(0);

  const load = useCallback(
    async (before: readonly SignIn[], after?: string) => {
      const number = (asked.current += 1);
      const isNewest = () => number === asked.current;
      try {
        const { signIns, next } = await client.list(after);
        if (isNewest()) setListed({ status: "loaded", signIns: [...before, ...signIns], next });
      } catch {
        if (isNewest()) setListed((now) => ({ ...now, status: "failed" }));
      }
    },
    [client],
  );
  const reload = useCallback(() => load([]), [load]);

  useEffect(() => {
    setListed(nothing);
    if (isKnown) void reload();
    return () => {
      asked.current += 1;
    };
  }, [reload, owner, isKnown]);

  const { signIns, next, status } = listed;
  const loadMore = useCallback(async () => {
    if (next !== null) await load(signIns, next);
  }, [load, signIns, next]);

  return useMemo(
    () => ({
      status,
      signIns,
      more: next !== null,
      loadMore,
      reload,
      revoke: (id: string) => client.revoke(id).finally(() => void reload()),
      revokeOthers: () => client.revokeOthers().finally(() => void reload()),
    }),
    [client, status, signIns, next, loadMore, reload],
  );
}
