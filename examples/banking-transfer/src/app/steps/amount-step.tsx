import { SOURCE_ABOVE_CENTS } from "../../flow.ts";
import { formatCents, parseCents } from "../text/money.ts";
import type { OpenTransfer } from "../transfer/open-transfer.ts";
import { StepFrame } from "./step-frame.tsx";
import { useStepForm } from "./step-form.ts";
import { TextField } from "../elements/text-field.tsx";

/** The amount. The draft keeps the typed text, such as "12,". The submission holds cents. */
export function AmountStep({ open }: { readonly open: OpenTransfer }) {
  const form = useStepForm(open, "amount", { cents: "", reference: "" }, ({ cents: typed, reference }) => {
    const parsed = parseCents(typed);
    if ("issue" in parsed) return { issues: { cents: parsed.issue } };
    return { input: { cents: parsed.cents, ...(reference.trim() !== "" && { reference }) } };
  });
  return (
    <StepFrame form={form}>
      <TextField
        label="Amount in euros"
        inputMode="decimal"
        autoComplete="off"
        maxLength={20}
        hint={`Above ${formatCents(SOURCE_ABOVE_CENTS)} we ask for its source`}
        {...form.text("cents")}
      />
      <TextField
        label="Reference"
        autoComplete="off"
        maxLength={140}
        hint="Optional: the recipient reads it"
        {...form.text("reference")}
      />
    </StepFrame>
  );
}
