import type { InputOf } from "@sessions/core";
import { origins, type Transfer } from "../../flow.ts";
import type { OpenTransfer } from "../transfer/open-transfer.ts";
import { StepFrame } from "./step-frame.tsx";
import { useStepForm } from "./step-form.ts";

/** The source of the money, for a large transfer. */
export function SourceStep({ open }: { readonly open: OpenTransfer }) {
  const form = useStepForm(open, "source", { origin: "" }, ({ origin }) => ({
    // The schema checks that it is one of the origins.
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
