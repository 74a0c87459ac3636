import { useEffect, useState, useSyncExternalStore } from "react";
import type { HandOffRequest, HandOffRequestState, SignInClient } from "@sessions/client/sign-in";

const loading: HandOffRequestState = { status: "loading" };

/**
 * A screen that asks to be let in as a guest, on a browser in which nobody is signed in. It asks while the component is
 * there. Show `state.code` in a QR code, in the fragment of an address, and `state.number` beside it.
 *
 * @example
 * const { state, again } = useHandOffRequest(signIn);
 * if (state.status === "asking") return <Code address={`${location.origin}/hand-off#${state.code}`} number={state.number} />;
 */
export function useHandOffRequest({ handOff }: Pick<SignInClient, "handOff">): {
  readonly state: HandOffRequestState;
  /** Asks anew after `paused` or `too_many`. */
  again(): void;
} {
  const [request, setRequest] = useState<HandOffRequest | null>(null);
  useEffect(() => {
    const asked = handOff.ask();
    setRequest(asked);
    return () => {
      setRequest(null);
      asked.close();
    };
  }, [handOff]);
  const state = useSyncExternalStore(
    request?.subscribe ?? subscribeToNothing,
    () => request?.state ?? loading,
    () => loading,
  );
  return { state, again: () => request?.again() };
}

const subscribeToNothing = () => () => {};
