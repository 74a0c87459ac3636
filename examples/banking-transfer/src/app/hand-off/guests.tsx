import { useGuests } from "@sessions/react/sign-in";
import { useState } from "react";
import { signInClient } from "../person/sign-in-client.ts";
import { plainText } from "../text/plain-text.ts";

/** The devices that take part in a transfer as guests, with one press to end each. */
export function Guests({ id }: { readonly id: string }) {
  const { guests, end } = useGuests(signInClient, id);
  const [unanswered, setUnanswered] = useState(false);
  const settle = (failed: boolean) => () => setUnanswered(failed);
  return (
    <section className="guests" aria-label="Guests">
      {guests.map(({ id: guest, device }) => (
        <p key={guest} className="guest">
          <span>
            <b>{plainText(device)}</b> takes part in this transfer. It cannot send the money.
          </span>
          <button
            type="button"
            className="button danger"
            onClick={() => void end(guest).then(settle(false), settle(true))}
          >
            End<span className="hidden"> the part of {plainText(device)}</span>
          </button>
        </p>
      ))}
      <p className="issue" role="status">
        {unanswered && "The bank does not answer: the computer still takes part. Try again."}
      </p>
    </section>
  );
}
