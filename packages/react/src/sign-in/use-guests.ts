import { useEffect } from "react";
import type { RevokeResult, SignIn, SignInClient } from "@sessions/client/sign-in";
import { useSignIns } from "./use-sign-ins.ts";

/** How often the list is read again while the page is visible, in milliseconds. */
const RELOAD_MS = 5_000;

/** How long it waits before the first times. The person may have come here from the approval, and the guest comes a moment later. */
const FIRST_RELOADS_MS: readonly number[] = [1_000, 1_000, 2_000];

/**
 * The guests of one session of the owner: devices that it was handed to, without a sign-in.
 *
 * @example
 * const { guests, end } = useGuests(signIn, session.id);
 * return guests.map(({ id, device }) => <button key={id} onClick={() => void end(id)}>End {device}</button>);
 */
export function useGuests(
  client: SignInClient,
  session: string,
): {
  readonly guests: readonly SignIn[];
  /** Ends a guest at once. @throws {SessionsError} `server_unreachable` */
  end(id: string): Promise<RevokeResult>;
  /** Asks the server again, after an approval for example. */
  reload(): Promise<void>;
} {
  const { signIns, revoke, reload } = useSignIns(client);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const wait = (times: number) => {
      timer = setTimeout(() => {
        if (document.visibilityState === "visible") void reload();
        wait(times + 1);
      }, FIRST_RELOADS_MS[times] ?? RELOAD_MS);
    };
    wait(0);
    return () => clearTimeout(timer);
  }, [reload]);
  return { guests: signIns.filter(({ guestSession }) => guestSession === session), end: revoke, reload };
}
