import { createSignInClient } from "@sessions/client/sign-in";
import { useVisitData } from "@sessions/react/sign-in";
import { visitData } from "./visit-data.ts";

export const signIn = createSignInClient({ url: "/trpc", data: visitData });

export function Theme() {
  const { status, value: theme = "light", change } = useVisitData(signIn, "theme");
  const other = theme === "light" ? "dark" : "light";
  return (
    <button disabled={status === "loading"} onClick={() => void change(() => other)}>
      {`Use the ${other} theme`}
    </button>
  );
}
