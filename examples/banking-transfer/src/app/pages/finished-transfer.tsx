import { useEffect, useRef } from "react";
import { Facts, factsOf, type Fact } from "../transfer/facts.tsx";
import { LateChanges } from "../changes/late-changes.tsx";
import { dateAndTime } from "../text/moment.ts";
import { formatCents } from "../text/money.ts";
import { Link } from "../elements/navigation.tsx";
import { useTitle } from "../elements/title.ts";
import { deviceText, type EndedTransfer } from "../transfer/wording.ts";

/** How a transfer ended: as the bank confirmed it, or as this device expects it until then. */
const titles = {
  confirmed: {
    completed: "The money is on its way",
    cancelled: "This transfer was cancelled",
    expired: "This transfer’s time ran out",
  },
  expected: {
    completed: "The money is being sent",
    cancelled: "This transfer is being cancelled",
    expired: "This transfer’s time seems to have run out",
  },
} as const;

const notes = {
  confirmed: { completed: null, cancelled: "No money was sent.", expired: "No money was sent." },
  expected: {
    completed: "The bank has not answered yet.",
    cancelled: "It is cancelled when the bank is reached. Until then it can still be confirmed on another device.",
    expired: "It has by this device’s clock. The bank has not said so yet.",
  },
} as const;

const endLabels = { completed: "Sent", cancelled: "Cancelled", expired: "Ended" } as const;

/** An ended transfer, with its number if the money was sent. The bank may not have confirmed the end yet. */
export function FinishedTransfer({ state }: { readonly state: EndedTransfer }) {
  const { status, data, outputs, result, device, endedAt, shelved } = state;
  const known = state.provisional ? "expected" : "confirmed";
  useTitle(titles[known][status]);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    // The button that had the focus is gone.
    if (document.hasFocus()) heading.current?.focus();
  }, []);
  const note = notes[known][status];
  const fee = outputs.amount?.feeCents;
  const facts: Fact[] = [
    ...factsOf("recipient", data.recipient),
    ...factsOf("amount", data.amount),
    ...(fee === undefined ? [] : [{ label: "Fee", text: formatCents(fee) }]),
    ...factsOf("source", data.source),
    ...(known === "expected" ? [] : [{ label: endLabels[status], text: dateAndTime(endedAt) }]),
    ...(status === "expired" ? [] : [{ label: "Device", text: deviceText(device) }]),
  ];

  return (
    <article className="card finished" data-status={status} data-known={known}>
      <h1 ref={heading} tabIndex={-1}>
        {titles[known][status]}
      </h1>
      {result && (
        <p className="receipt">
          Transfer number <strong>{result.reference}</strong>
        </p>
      )}
      {note !== null && <p>{note}</p>}
      <LateChanges shelved={shelved} />
      <Facts facts={facts} />
      <div className="actions">
        <Link to="/" className="button primary">
          To your account
        </Link>
      </div>
    </article>
  );
}
