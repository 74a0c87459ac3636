import { useRef, type ReactNode } from "react";

interface QuestionProps {
  /** What opens it. */
  readonly button: string;
  readonly title: string;
  readonly children: ReactNode;
  /** The button that says yes, and the one that says no. */
  readonly yes: string;
  readonly no: string;
  onYes(): void;
}

/** A button that asks before it does something that cannot be undone. */
export function Question({ button, title, children, yes, no, onYes }: QuestionProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  function answer(agreed: boolean) {
    dialog.current?.close();
    if (agreed) onYes();
  }
  return (
    <>
      <button type="button" className="button quiet" onClick={() => dialog.current?.showModal()}>
        {button}
      </button>
      <dialog ref={dialog} className="question" aria-label={title}>
        <h2>{title}</h2>
        <div>{children}</div>
        <div className="actions">
          <button type="button" className="button" onClick={() => answer(false)}>
            {no}
          </button>
          <button type="button" className="button danger" onClick={() => answer(true)}>
            {yes}
          </button>
        </div>
      </dialog>
    </>
  );
}
