import type { InputOf } from "@sessions/core";
import { origins, type Transfer } from "../flow.ts";
import type { OpenTransfer } from "./open-transfer.ts";
import { StepFrame } from "./step-frame.tsx";
import { useStepForm } from "./step-form.ts";

/** Where the money of a large transfer comes from. */
export function SourceStep({ open }: { readonly open: OpenTransfer }) {
  const form = useStepForm(open, "source", { origin: "" }, ({ origin }) => ({
    // The schema says whether it is one of them.
    input: { origin } as InputOf<Transfer, "source">,
  }));
  const { issue, ...origin } = form.field("origin");
  return (
    <StepFrame form={form}>
      <fieldset className="field choices" aria-describedby="origin-issue">
        <legend>Where the money comes from</legend>
        {Object.entries(origins).map(([value, text]) => (
          <label key={value}>
            <input type="radio" value={value} {...origin} />
            {text}
          </label>
        ))}
        <span className="issue" id="origin-issue">
          {issue}
        </span>
      </fieldset>
    </StepFrame>
  );
}
