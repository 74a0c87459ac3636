import { useEffect, useRef, useState, type FormEvent, type ReactNode } from "react";
import { DEMO_PASSWORD, people, type Person } from "../../people.ts";
import { TextField } from "../elements/text-field.tsx";
import { useTitle } from "../elements/title.ts";
import { signIn } from "../person/current-user.ts";

type Field = "id" | "password";

/**
 * Signs in one of the two people of the demonstration. `notice`: why the bank ended the last sign-in here, or asks for one;
 * null if neither. `children`: what the bank asks it for. `begin` begins a transfer without a sign-in.
 */
export function SignInPage(props: {
  readonly notice: string | null;
  readonly children?: ReactNode;
  readonly begin?: () => void;
}) {
  const { notice, children, begin } = props;
  useTitle("Sign in");
  const [id, setId] = useState("");
  const [password, setPassword] = useState("");
  const [issues, setIssues] = useState<Partial<Record<Field, string>>>({});
  const [entering, setEntering] = useState(false);
  const fields = { id: useRef<HTMLInputElement>(null), password: useRef<HTMLInputElement>(null) };
  const submit = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    if (document.hasFocus()) fields.id.current?.focus();
    // Only when the page opens.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, []);

  /** Shows each issue at its field, and focuses the first of these fields. */
  function refuse(found: Partial<Record<Field, string>>) {
    setIssues(found);
    const first = found.id === undefined ? fields.password : fields.id;
    first.current?.focus();
  }

  function fillIn(person: Person) {
    setId(person.id);
    setPassword(DEMO_PASSWORD);
    setIssues({});
    submit.current?.focus();
  }

  async function enter(event: FormEvent) {
    event.preventDefault();
    if (entering) return;
    const missing = {
      ...(id.trim() === "" && { id: "Enter your customer id, such as ada." }),
      ...(password === "" && { password: "Enter your password." }),
    };
    if (Object.keys(missing).length > 0) return refuse(missing);
    setEntering(true);
    setIssues({});
    try {
      const refused = await signIn(id.trim().toLowerCase(), password);
      if (refused !== null) refuse({ password: refused });
    } catch {
      refuse({ password: "The bank does not answer. Try again." });
    } finally {
      setEntering(false);
    }
  }

  return (
    <main className="page sign-in">
      <div className="card">
        <p className="brand">Harbour Bank</p>
        <h1>Sign in</h1>
        <p role="status">{notice}</p>
        {children}
        <form onSubmit={(event) => void enter(event)} noValidate>
          <TextField
            ref={fields.id}
            label="Customer"
            name="username"
            value={id}
            onChange={({ target }) => {
              setId(target.value);
              setIssues({});
            }}
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            issue={issues.id}
          />
          <TextField
            ref={fields.password}
            label="Password"
            name="password"
            type="password"
            value={password}
            onChange={({ target }) => {
              setPassword(target.value);
              setIssues({});
            }}
            autoComplete="current-password"
            issue={issues.password}
          />
          <button ref={submit} className="button primary wide" aria-disabled={entering}>
            {entering ? "Signing in…" : "Sign in"}
          </button>
        </form>
        {begin && (
          <button type="button" className="button wide" onClick={begin}>
            Begin a transfer first
          </button>
        )}
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
