import type { OpenTransfer } from "../transfer/open-transfer.ts";
import { StepFrame } from "./step-frame.tsx";
import { useStepForm } from "./step-form.ts";
import { TextField } from "../elements/text-field.tsx";

/** The name and the account of the recipient. */
export function RecipientStep({ open }: { readonly open: OpenTransfer }) {
  const form = useStepForm(open, "recipient", { name: "", iban: "" }, (typed) => ({ input: typed }));
  return (
    <StepFrame form={form}>
      <TextField label="Name" autoComplete="off" maxLength={70} {...form.text("name")} />
      <TextField
        label="IBAN"
        autoComplete="off"
        autoCapitalize="characters"
        spellCheck={false}
        maxLength={60}
        hint="Such as BE68 5390 0754 7034"
        {...form.text("iban")}
      />
    </StepFrame>
  );
}
