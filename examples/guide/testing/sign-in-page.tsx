import { createSignInClient } from "@sessions/client/sign-in";
import { useSignIn, useSignIns } from "@sessions/react/sign-in";
import { createRoot } from "react-dom/client";

const signIn = createSignInClient({ url: "/trpc" });

/** Shows who is signed in and where, as JSON, beside a field for a text. */
function Page() {
  const state = useSignIn(signIn);
  const { status, signIns, more } = useSignIns(signIn);
  return (
    <>
      <input aria-label="Name" />
      <output>{JSON.stringify({ state, list: { status, signIns, more } })}</output>
    </>
  );
}

createRoot(document.body.appendChild(document.createElement("main"))).render(<Page />);
declare global {
  var signInClient: typeof signIn;
}
globalThis.signInClient = signIn;
