import { useId, useRef, type ReactNode } from "react";

interface QuestionProps {
  /** What opens it. */
  readonly button: string;
  readonly title: string;
  readonly children: ReactNode;
  /** The button that says yes, and the one that says no. */
  readonly yes: string;
  readonly no: string;
  /** Why it cannot be done just now, also once it is open; null when it can. */
  readonly obstacle?: string | null;
  onYes(): void;
}

/** A button that asks before it does something that cannot be undone. */
export function Question({ button, title, children, yes, no, obstacle = null, onYes }: QuestionProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const reason = useId();
  const off = obstacle === null ? {} : { "aria-disabled": true, "aria-describedby": reason };
  function answer(agreed: boolean) {
    if (agreed && obstacle !== null) return;
    dialog.current?.close();
    if (agreed) onYes();
  }
  return (
    <>
      <button
        type="button"
        className="button quiet"
        {...off}
        onClick={() => obstacle === null && dialog.current?.showModal()}
      >
        {button}
      </button>
      <dialog ref={dialog} className="question" aria-label={title}>
        <h2>{title}</h2>
        <div>{obstacle ?? children}</div>
        <div className="actions">
          <button type="button" className="button" onClick={() => answer(false)}>
            {no}
          </button>
          <button type="button" className="button danger" {...off} onClick={() => answer(true)}>
            {yes}
          </button>
        </div>
      </dialog>
      {obstacle !== null && (
        <span id={reason} className="hint">
          {obstacle}
        </span>
      )}
    </>
  );
}
