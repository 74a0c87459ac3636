import type { SignInClient, SignInState } from "@sessions/client/sign-in";
import { useSyncExternalStore } from "react";

/**
 * Who is signed in in this browser.
 *
 * @example
 * const signIn = createSignInClient({ url: "/trpc" }); // once, outside of components
 * const state = useSignIn(signIn);
 * if (state.status === "signed_in") return <Sessions owner={state.owner} />;
 */
export function useSignIn(client: SignInClient): SignInState {
  return useSyncExternalStore(
    client.subscribe,
    () => client.state,
    () => client.initialState,
  );
}
