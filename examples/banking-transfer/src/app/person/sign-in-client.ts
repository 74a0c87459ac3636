import { createSignInClient } from "@sessions/client/sign-in";

/** Who is signed in in this browser, for all parts of the page. */
export const signInClient = createSignInClient({ url: "/trpc" });
