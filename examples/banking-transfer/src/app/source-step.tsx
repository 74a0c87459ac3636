import type { InputOf } from "@sessions/core";
import { origins, type Transfer } from "../flow.ts";
import type { OpenTransfer } from "./open-transfer.ts";
import { StepFrame } from "./step-frame.tsx";
import { useStepForm } from "./step-form.ts";
import { typedText } from "./typed-text.ts";

/** Where the money of a large transfer comes from. */
export function SourceStep({ open }: { readonly open: OpenTransfer }) {
  const stored = { origin: typedText(open.state, "source", "origin") };
  const form = useStepForm(open, "source", stored, ({ origin }) => ({
    // The schema says whether it is one of them.
    input: { origin } as InputOf<Transfer, "source">,
  }));
  const origin = form.field("origin");
  return (
    <StepFrame form={form}>
      <fieldset className="field choices" aria-describedby="origin-issue">
        <legend>Where the money comes from</legend>
        {Object.entries(origins).map(([value, text]) => (
          <label key={value}>
            <input
              type="radio"
              name="origin"
              value={value}
              checked={origin.value === value}
              onChange={() => origin.onChange(value)}
              onBlur={origin.onBlur}
            />
            {text}
          </label>
        ))}
        <span className="issue" id="origin-issue">
          {origin.issue}
        </span>
      </fieldset>
    </StepFrame>
  );
}
