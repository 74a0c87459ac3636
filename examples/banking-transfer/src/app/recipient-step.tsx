import type { OpenTransfer } from "./open-transfer.ts";
import { StepFrame } from "./step-frame.tsx";
import { useStepForm } from "./step-form.ts";
import { TextField } from "./text-field.tsx";
import { typedText } from "./typed-text.ts";

/** To whom the money goes. */
export function RecipientStep({ open }: { readonly open: OpenTransfer }) {
  const stored = { name: typedText(open.state, "recipient", "name"), iban: typedText(open.state, "recipient", "iban") };
  const form = useStepForm(open, "recipient", stored, (typed) => ({ input: typed }));
  return (
    <StepFrame form={form}>
      <TextField label="Name" name="name" autoComplete="off" maxLength={70} {...form.field("name")} />
      <TextField
        label="IBAN"
        name="iban"
        autoComplete="off"
        autoCapitalize="characters"
        spellCheck={false}
        maxLength={60}
        hint="Such as BE68 5390 0754 7034"
        {...form.field("iban")}
      />
    </StepFrame>
  );
}
