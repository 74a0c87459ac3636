import { Facts, factsOf, type Fact } from "./facts.tsx";
import { LateChanges } from "./late-changes.tsx";
import { dateAndTime } from "./moment.ts";
import { formatCents } from "./money.ts";
import { Link } from "./route.tsx";
import type { TransferState } from "./wording.ts";

const titles = {
  completed: "The money is on its way",
  cancelled: "This transfer was cancelled",
  expired: "This transfer’s time ran out",
} as const;

/** A transfer that has ended: with its reference when the money was sent. */
export function FinishedTransfer({ state }: { readonly state: TransferState }) {
  const { status, data, outputs, result, device, endedAt, shelved } = state;
  if (status !== "completed" && status !== "cancelled" && status !== "expired") return null;
  const fee = outputs.amount?.feeCents;
  const facts: Fact[] = [
    ...factsOf("recipient", data.recipient),
    ...factsOf("amount", data.amount),
    ...(fee === undefined ? [] : [{ label: "Fee", text: formatCents(fee) }]),
    ...factsOf("source", data.source),
    ...(endedAt === null ? [] : [{ label: status === "completed" ? "Sent" : "Ended", text: dateAndTime(endedAt) }]),
    ...(status === "expired" ? [] : [{ label: "Device", text: device.name }]),
  ];

  return (
    <article className="card finished" data-status={status}>
      <h1>{titles[status]}</h1>
      {result && (
        <p className="receipt">
          Reference <strong>{result.reference}</strong>
        </p>
      )}
      {status !== "completed" && <p>No money was sent.</p>}
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
