import { useEffect, useId, useRef, useState, type FormEvent } from "react";
import { NAME_AT_MOST } from "./device-name.ts";
import { plainText } from "./plain-text.ts";
import { TextField } from "./text-field.tsx";

/** What this device is called on the others, and a way to call it something else. */
export function ThisDevice({ name, onRename }: { readonly name: string; onRename(name: string): void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const field = useRef<HTMLInputElement>(null);
  // Null while nothing is asked.
  const [typed, setTyped] = useState<string | null>(null);
  const [issue, setIssue] = useState<string>();
  const title = useId();

  const asked = typed !== null;
  useEffect(() => {
    if (!asked) return;
    dialog.current?.showModal();
    field.current?.select();
  }, [asked]);

  function open() {
    setTyped(name);
    setIssue(undefined);
  }

  function save(event: FormEvent) {
    event.preventDefault();
    const given = plainText(typed ?? "").trim();
    if (given === "") {
      setIssue("Enter a name.");
      field.current?.focus();
      return;
    }
    dialog.current?.close();
    if (given !== name) onRename(given);
  }

  return (
    <section className="this-device" aria-label="This device">
      <span>
        This device is called <b>{name}</b>.
      </span>
      <button type="button" className="button quiet" onClick={open}>
        Rename<span className="hidden"> this device</span>
      </button>
      <dialog ref={dialog} className="question" aria-labelledby={title} onClose={() => setTyped(null)}>
        <h2 id={title}>What is this device called?</h2>
        {asked && (
          <form onSubmit={save} noValidate>
            <TextField
              ref={field}
              label="Name"
              autoComplete="off"
              maxLength={NAME_AT_MOST}
              hint="Your other devices show it"
              value={typed}
              onChange={({ target }) => {
                setTyped(target.value);
                setIssue(undefined);
              }}
              issue={issue}
            />
            <div className="actions">
              <button type="button" className="button" onClick={() => dialog.current?.close()}>
                Cancel
              </button>
              <button className="button primary">Save</button>
            </div>
          </form>
        )}
      </dialog>
    </section>
  );
}
