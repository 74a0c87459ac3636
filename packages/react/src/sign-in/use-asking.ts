import { useEffect, useState, useSyncExternalStore } from "react";
import type { Asking, AskingState, SignInClient } from "@sessions/client/sign-in";

const loading: AskingState = { status: "loading" };

/**
 * A screen that asks to be let in as a guest, on a browser in which nobody is signed in. It asks while the component is
 * there. Show `state.code` in a QR code, in the fragment of an address, and `state.number` beside it.
 *
 * @example
 * const { state, again } = useAsking(signIn);
 * if (state.status === "asking") return <Code address={`${location.origin}/hand-off#${state.code}`} number={state.number} />;
 */
export function useAsking({ handOff }: Pick<SignInClient, "handOff">): {
  readonly state: AskingState;
  /** Asks anew after `paused` or `too_many`. */
  again(): void;
} {
  const [asking, setAsking] = useState<Asking | null>(null);
  useEffect(() => {
    const asked = handOff.ask();
    setAsking(asked);
    return () => {
      setAsking(null);
      asked.close();
    };
  }, [handOff]);
  const state = useSyncExternalStore(
    asking?.subscribe ?? subscribeToNothing,
    () => asking?.state ?? loading,
    () => loading,
  );
  return { state, again: () => asking?.again() };
}

const subscribeToNothing = () => () => {};
