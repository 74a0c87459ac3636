import { useSession, useStep } from "@sessions/react";
import { useLayoutEffect, useState } from "react";
import { useForm } from "react-hook-form";
import { transfer } from "./flow.ts";

export function Recipient({ id }: { id: string }) {
  const { status } = useSession(transfer, id);
  const { values, draft, submit, issues } = useStep(transfer, id, "recipient");
  const [typedIn, setTypedIn] = useState<string | null>(null);
  const { register, handleSubmit, setValue } = useForm({ defaultValues: { name: "", iban: "" } });

  // Every field shows the values of other devices, except the field in which the person types here.
  useLayoutEffect(() => {
    for (const field of ["name", "iban"] as const) {
      const value = values[field];
      if (field !== typedIn) setValue(field, typeof value === "string" ? value : "");
    }
  }, [values, typedIn, setValue]);

  const field = (name: "name" | "iban") =>
    register(name, {
      onChange({ target }: { target: HTMLInputElement }) {
        setTypedIn(name);
        draft({ [name]: target.value });
      },
      onBlur: () => setTypedIn(null),
    });
  const send = handleSubmit((input) => void submit(input));
  return (
    <form onSubmit={(event) => void send(event)}>
      <fieldset disabled={status !== "active"}>
        <input {...field("name")} /> {issues.name}
        <input {...field("iban")} /> {issues.iban}
        <button onMouseDown={(event) => event.preventDefault()}>Continue</button>
      </fieldset>
    </form>
  );
}
