import { createSessionsClient, type SessionsClient } from "@sessions/client";
import { createSignInClient } from "@sessions/client/sign-in";
import { repair } from "../tutorial/flow.ts";

const signIn = createSignInClient({ url: "/trpc" }); // `signIns.router`, mounted as `signIns`
let [owner, sessions]: [string?, SessionsClient?] = [];

signIn.subscribe(() => {
  const { state } = signIn;
  if (state.status === "loading" || state.status === "unreachable") return;
  const next = state.status === "signed_in" ? state.owner : undefined;
  if (next === owner) return; // The same person, with a new proof for example.
  sessions?.close();
  [owner, sessions] = next ? [next, createSessionsClient({ flows: [repair], url: "/trpc", owner: next })] : [];
});
