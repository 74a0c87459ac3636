import { useId, useRef, useState, type KeyboardEvent, type ReactNode } from "react";

/** A button that shows a few links and buttons below it. A press of one of them hides them again. */
export function Menu({ label, children }: { readonly label: ReactNode; readonly children: ReactNode }) {
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const panel = useId();

  function closeOnEscape({ key }: KeyboardEvent) {
    if (key !== "Escape" || !open) return;
    setOpen(false);
    button.current?.focus();
  }

  return (
    <div
      className="menu"
      onKeyDown={closeOnEscape}
      onBlur={({ relatedTarget, currentTarget }) => currentTarget.contains(relatedTarget) || setOpen(false)}
    >
      <button
        ref={button}
        type="button"
        className="button quiet"
        aria-expanded={open}
        aria-controls={panel}
        onClick={() => {
          // Safari focuses no button that is pressed. Without the focus, a press elsewhere would not close the menu.
          button.current?.focus();
          setOpen(!open);
        }}
      >
        {label}
      </button>
      {/* The focus stays while the mouse is down. Else the menu would be gone before the click. */}
      <div
        id={panel}
        className="menu-panel"
        hidden={!open}
        onMouseDown={(event) => event.preventDefault()}
        onClick={() => {
          // A dialog that the press opens gives the focus back to the button.
          button.current?.focus();
          setOpen(false);
        }}
      >
        {children}
      </div>
    </div>
  );
}
