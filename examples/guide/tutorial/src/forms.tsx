import { useSession, useStep } from "@sessions/react";
import { repair } from "../flow.ts";

/** A draft may hold any JSON. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function BikeForm({ id }: { id: string }) {
  const { values, draft, submit, issues } = useStep(repair, id, "bike");
  const [model, problem] = [textOf(values.model), textOf(values.problem)];
  return (
    <form action={() => void submit({ model, problem })}>
      <label>
        Bike <input value={model} onChange={({ target }) => draft({ model: target.value })} />
      </label>
      <p>{issues.model}</p>
      <label>
        Problem <textarea value={problem} onChange={({ target }) => draft({ problem: target.value })} />
      </label>
      <p>{issues.problem}</p>
      <button>Continue</button>
    </form>
  );
}

export function ContactForm({ id }: { id: string }) {
  const { values, draft, submit, issues } = useStep(repair, id, "contact");
  const phone = textOf(values.phone);
  return (
    <form action={() => void submit({ phone })}>
      <label>
        Phone <input type="tel" value={phone} onChange={({ target }) => draft({ phone: target.value })} />
      </label>
      <p>{issues.phone}</p>
      <button>Continue</button>
    </form>
  );
}

export function Review({ id }: { id: string }) {
  const { data } = useSession(repair, id);
  const { submit, pending, refusal } = useStep(repair, id, "review");
  return (
    <form action={() => void submit({ accepted: true })}>
      <p>
        {data.bike?.model}: {data.bike?.problem} We call {data.contact?.phone}.
      </p>
      <button disabled={pending}>Hand it in</button>
      {refusal && <p role="alert">It was not handed in: {refusal.code}</p>}
    </form>
  );
}
