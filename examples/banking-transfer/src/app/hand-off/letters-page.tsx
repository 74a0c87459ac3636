import { useRef, useState, type FormEvent } from "react";
import { navigate } from "../elements/navigation.tsx";
import { TextField } from "../elements/text-field.tsx";
import { useTitle } from "../elements/title.ts";
import { signInClient } from "../person/sign-in-client.ts";

/** A computer on which the same person is signed in: they type the letters that the phone shows. */
export function LettersPage() {
  useTitle("Continue from your phone");
  const field = useRef<HTMLInputElement>(null);
  const [letters, setLetters] = useState("");
  const [issue, setIssue] = useState<string>();
  const [busy, setBusy] = useState(false);

  function refuse(problem: string) {
    setIssue(problem);
    field.current?.focus();
  }

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (busy) return;
    if (letters.trim() === "") return refuse("Enter the eight letters on your phone.");
    setBusy(true);
    try {
      const found = await signInClient.handOff.find(letters);
      if (found.status === "found") return navigate(`/transfers/${found.session}`, { replace: true });
      refuse(problems[found.status]);
    } catch {
      refuse("The bank does not answer. Try again.");
    } finally {
      setBusy(false);
    }
  }

  return (
    <main className="page hand-off">
      <article className="card">
        <h1>Continue from your phone</h1>
        <p>On the phone, open the transfer and choose “Go on at a computer”.</p>
        <form onSubmit={(event) => void submit(event)} noValidate>
          <TextField
            ref={field}
            label="Letters"
            hint="Eight letters"
            value={letters}
            onChange={({ target }) => {
              setLetters(target.value);
              setIssue(undefined);
            }}
            autoComplete="off"
            autoCapitalize="characters"
            spellCheck={false}
            maxLength={20}
            issue={issue}
          />
          <button className="button primary wide" aria-disabled={busy}>
            {busy ? "Looking…" : "Continue"}
          </button>
        </form>
      </article>
    </main>
  );
}

const problems = {
  none: "No transfer has these letters. They are valid for five minutes, and only for you.",
  too_many: "Too many wrong letters were typed today. Letters work again tomorrow.",
  signed_out: "You are signed out here. Sign in first.",
} as const;
