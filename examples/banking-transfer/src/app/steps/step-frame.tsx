import type { ReactNode } from "react";
import type { StepForm } from "./step-form.ts";

/** The form around a step's fields, with its button and room for one refusal. */
export function StepFrame({ form, children }: { readonly form: StepForm<never>; readonly children: ReactNode }) {
  return (
    <form onSubmit={form.onSubmit} onBlur={form.onBlur} noValidate>
      {children}
      <div className="actions">
        {/* The field keeps the focus during the press. Else another device’s text could replace its text before the click. */}
        <button className="button primary" aria-disabled={form.busy} onMouseDown={(event) => event.preventDefault()}>
          {form.busy ? "Checking…" : "Continue"}
        </button>
      </div>
      <p className="issue" role="alert">
        {form.refusal}
      </p>
    </form>
  );
}
