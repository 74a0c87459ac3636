import { useId, type ComponentProps, type ReactNode } from "react";

interface TextFieldProps extends Omit<ComponentProps<"input">, "id"> {
  readonly label: string;
  /** The problem with the text. Its line is always there, so that nothing moves. */
  readonly issue?: string | undefined;
  /** A text beside the label: an example, or that the field is optional. */
  readonly hint?: ReactNode;
}

/** A text field with a label, and with room for one issue below it. */
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
