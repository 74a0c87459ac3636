import { useId, type ComponentProps, type ReactNode } from "react";

interface TextFieldProps extends Omit<ComponentProps<"input">, "id"> {
  readonly label: string;
  /** What is wrong with it; its line is there without one too, so that nothing jumps. */
  readonly issue?: string | undefined;
  /** Beside the label: that it is optional, or an example. */
  readonly hint?: ReactNode;
}

/** A labelled field of text with room for one issue under it. */
export function TextField({ label, issue, hint, ...input }: TextFieldProps) {
  const id = useId();
  return (
    <div className="field">
      <div className="legend">
        <label htmlFor={id}>{label}</label>
        {hint !== undefined && (
          <span className="hint" id={`${id}-hint`}>
            {hint}
          </span>
        )}
      </div>
      <input
        {...input}
        id={id}
        aria-invalid={issue !== undefined}
        aria-describedby={[hint !== undefined && `${id}-hint`, `${id}-issue`].filter(Boolean).join(" ")}
      />
      <span className="issue" id={`${id}-issue`}>
        {issue}
      </span>
    </div>
  );
}
