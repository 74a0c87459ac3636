import { createSignInClient } from "@sessions/client/sign-in";

const signIn = createSignInClient({ url: "/trpc" });
const form = document.querySelector("form")!;
const status = document.querySelector("output")!;

signIn.subscribe(() => {
  form.hidden = signIn.state.status === "signed_in";
  if (signIn.state.status === "signed_in") status.value = `Signed in as ${signIn.state.owner}.`;
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  void send(JSON.stringify(Object.fromEntries(new FormData(form))));
});

async function send(body: string): Promise<void> {
  const headers = { "content-type": "application/json" };
  const answered = await fetch("/sign-in", { method: "POST", headers, body });
  const { ok, refused } = (await answered.json()) as { ok?: boolean; refused?: string };
  if (ok) await signIn.refresh(); // The other pages of this browser ask too.
  else status.value = refused === "wrong_password" ? "The name or the password is wrong." : "Sign out elsewhere first.";
}
