import { useSession, useSessions } from "@sessions/react";
import { useState } from "react";
import { repair } from "../flow.ts";
import { BikeForm, ContactForm, Review, textOf } from "./forms.tsx";

export function Repairs() {
  const { active, loading, start } = useSessions(repair);
  const [shown, show] = useState<string | null>(null);
  if (shown !== null) return <Repair id={shown} leave={() => show(null)} />;
  return (
    <>
      <h1>Repairs</h1>
      {loading && <p>Looking for what you have begun…</p>}
      <ul>
        {active.map(({ id, data, drafts }) => (
          <li key={id}>
            <button onClick={() => show(id)}>Go on: {data.bike?.model ?? textOf(drafts.bike?.model)}</button>
          </li>
        ))}
      </ul>
      <button onClick={() => show(start().id)}>New repair</button>
    </>
  );
}

function Repair({ id, leave }: { id: string; leave: () => void }) {
  const { status, progress, result, sync, cancel } = useSession(repair, id);
  return (
    <>
      <button onClick={leave}>All repairs</button>
      {status === "active" && (
        <>
          <h1>
            Step {progress.position} of {progress.total}
          </h1>
          {progress.current === "bike" && <BikeForm id={id} />}
          {progress.current === "contact" && <ContactForm id={id} />}
          {progress.current === "review" && <Review id={id} />}
          <button onClick={() => void cancel()}>Give it up</button>
        </>
      )}
      {status === "completed" && <h1>Ticket {result?.ticket}</h1>}
      {status !== "active" && status !== "completed" && <h1>{status}</h1>}
      <p role="status">{sync.state}</p>
    </>
  );
}
