import { useEffect, useId, useRef, useState, type FormEvent, type ReactNode } from "react";
import { TextField } from "./text-field.tsx";

interface PasswordQuestionProps {
  readonly title: string;
  readonly children: ReactNode;
  /** The name by which a password manager finds the password. */
  readonly username: string;
  /** The text of the button that gives the password. */
  readonly yes: string;
  /** Why it cannot be given now. Null if it can. */
  readonly obstacle: string | null;
  /** Returns the problem with the password; null if it is right. */
  onPassword(password: string): Promise<string | null>;
  onCancel(): void;
}

/** A dialog that asks for the password again before an action. It is open from its first render to its last. */
export function PasswordQuestion(props: PasswordQuestionProps) {
  const { title, username, yes, obstacle, onPassword, onCancel } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const [password, setPassword] = useState("");
  const [issue, setIssue] = useState<string>();
  const [checking, setChecking] = useState(false);
  const [heading, reason] = [useId(), useId()];
  const isOff = checking || obstacle !== null;

  useEffect(() => {
    dialog.current?.showModal();
    field.current?.focus();
  }, []);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (isOff) return;
    if (password === "") return refuse("Enter your password.");
    setChecking(true);
    const problem = await onPassword(password);
    setChecking(false);
    if (problem !== null) refuse(problem);
  }

  function refuse(problem: string) {
    setIssue(problem);
    field.current?.select();
  }

  return (
    <dialog ref={dialog} className="question" aria-labelledby={heading} onClose={onCancel}>
      <h2 id={heading}>{title}</h2>
      {props.children}
      <form onSubmit={(event) => void submit(event)} noValidate>
        <input type="text" name="username" autoComplete="username" value={username} readOnly hidden />
        <TextField
          ref={field}
          label="Password"
          name="password"
          type="password"
          autoComplete="current-password"
          maxLength={200}
          value={password}
          onChange={({ target }) => {
            setPassword(target.value);
            setIssue(undefined);
          }}
          issue={issue}
        />
        <p className="hint" id={reason} role="status">
          {checking ? "Waiting for the bank’s answer…" : obstacle}
        </p>
        <div className="actions">
          <button type="button" className="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button className="button primary" aria-disabled={isOff} aria-describedby={reason}>
            {checking ? "Checking…" : yes}
          </button>
        </div>
      </form>
    </dialog>
  );
}
