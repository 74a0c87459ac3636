import { useId, useRef, type ReactNode } from "react";

interface QuestionProps {
  /** The text of the button that opens the dialog. */
  readonly button: string;
  readonly title: string;
  readonly children: ReactNode;
  /** The texts of the two answers. */
  readonly yes: string;
  readonly no: string;
  /** Why the action is not possible now, also while the dialog is open. Null if it is possible. */
  readonly obstacle?: string | null;
  onYes(): void;
}

/** A button that asks before an action that cannot be undone. */
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
