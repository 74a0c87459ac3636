import type { ReactNode } from "react";
import type { StepForm } from "./step-form.ts";

/** A step's form: its fields, room for one refusal, and the button that goes on. */
export function StepFrame({ form, children }: { readonly form: StepForm<never>; readonly children: ReactNode }) {
  return (
    <form onSubmit={form.onSubmit} onBlur={form.onBlur} noValidate>
      {children}
      <div className="actions">
        {/* A press that took the focus would let another device’s text into the field before the click submits it. */}
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
