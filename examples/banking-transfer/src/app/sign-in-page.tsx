import { useRef, useState, type FormEvent } from "react";
import { DEMO_PASSWORD, people, type Person } from "../people.ts";
import { TextField } from "./text-field.tsx";
import { signIn } from "./visit.ts";

/** Signs one of the two demonstration people in. `unasked`: somebody was signed out here without wanting it. */
export function SignInPage(props: { readonly unasked: boolean; onSignedIn(): Promise<void> }) {
  const { unasked, onSignedIn } = props;
  const [id, setId] = useState("");
  const [password, setPassword] = useState("");
  const [issue, setIssue] = useState<string>();
  const submit = useRef<HTMLButtonElement>(null);

  function fillIn(person: Person) {
    setId(person.id);
    setPassword(DEMO_PASSWORD);
    setIssue(undefined);
    submit.current?.focus();
  }

  async function enter(event: FormEvent) {
    event.preventDefault();
    try {
      if (await signIn(id.trim().toLowerCase(), password)) await onSignedIn();
      else setIssue("That name and password do not belong together.");
    } catch {
      setIssue("The bank does not answer. Try again.");
    }
  }

  return (
    <main className="page sign-in">
      <div className="card">
        <p className="brand">Harbour Bank</p>
        <h1>Sign in</h1>
        {unasked && <p role="status">You were signed out. What you typed is kept on this device.</p>}
        <form onSubmit={(event) => void enter(event)} noValidate>
          <TextField
            label="Customer"
            name="username"
            value={id}
            onChange={({ target }) => setId(target.value)}
            autoComplete="username"
          />
          <TextField
            label="Password"
            name="password"
            type="password"
            value={password}
            onChange={({ target }) => setPassword(target.value)}
            autoComplete="current-password"
            issue={issue}
          />
          <button ref={submit} className="button primary wide">
            Sign in
          </button>
        </form>
      </div>
      <section className="demo" aria-labelledby="demo">
        <h2 id="demo">This is a demonstration</h2>
        <p>
          Two customers live here. Both have the password <code>{DEMO_PASSWORD}</code>.
        </p>
        <ul className="people">
          {people.map((person) => (
            <li key={person.id}>
              <span>
                {person.name} <code>{person.id}</code>
              </span>
              <button type="button" className="button" onClick={() => fillIn(person)}>
                Fill in <span className="hidden">{person.name}</span>
              </button>
            </li>
          ))}
        </ul>
      </section>
    </main>
  );
}
