import { createCurrentSessions, createSignInClient } from "@sessions/client/sign-in";
import { SessionsProvider } from "@sessions/react";
import { useCurrentSessions } from "@sessions/react/sign-in";
import type { ReactNode } from "react";
import { transfer } from "./flow.ts";

export const signIn = createSignInClient({ url: "/trpc" });
export const current = createCurrentSessions({ signIn, flows: [transfer], url: "/trpc" });

export function CurrentSessions({ children }: { readonly children: ReactNode }) {
  const { sessions } = useCurrentSessions(current);
  return sessions && <SessionsProvider sessions={sessions}>{children}</SessionsProvider>;
}
