import { useEffect, useId, useRef, useState, type FormEvent } from "react";
import { MAX_NAME_LENGTH } from "./device-name.ts";
import { plainText } from "../text/plain-text.ts";
import { TextField } from "../elements/text-field.tsx";

/** The name that the other devices show for this one, and a dialog to change it. */
export function ThisDevice({ name, onRename }: { readonly name: string; onRename(name: string): void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const field = useRef<HTMLInputElement>(null);
  // Null while the dialog is closed.
  const [typed, setTyped] = useState<string | null>(null);
  const [issue, setIssue] = useState<string>();
  const title = useId();

  const isOpen = typed !== null;
  useEffect(() => {
    if (!isOpen) return;
    dialog.current?.showModal();
    field.current?.select();
  }, [isOpen]);

  function open() {
    setTyped(name);
    setIssue(undefined);
  }

  function save(event: FormEvent) {
    event.preventDefault();
    const next = plainText(typed ?? "").trim();
    if (next === "") {
      setIssue("Enter a name.");
      field.current?.focus();
      return;
    }
    dialog.current?.close();
    if (next !== name) onRename(next);
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
        {isOpen && (
          <form onSubmit={save} noValidate>
            <TextField
              ref={field}
              label="Name"
              autoComplete="off"
              maxLength={MAX_NAME_LENGTH}
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
