import type { SessionsClient } from "@sessions/client";
import { useSessionsClient } from "@sessions/react";
import { useEffect, useState } from "react";
import { bank } from "./bank.ts";
import { printedIban } from "../text/iban.ts";
import { formatCents } from "../text/money.ts";

interface Account {
  readonly iban: string;
  readonly balanceCents: number;
}

/** The bank's last answers. They are kept while the person is signed in on this page. */
const lastAnswers = new WeakMap<SessionsClient, Account>();
const lastSent = new WeakMap<SessionsClient, number>();

/** The balance, and what was sent in this month. They are loaded again when another transfer has ended. */
export function AccountCard({ ended }: { readonly ended: string | null }) {
  const sessions = useSessionsClient();
  const [account, setAccount] = useState(lastAnswers.get(sessions));
  const [sentCents, setSentCents] = useState(lastSent.get(sessions));
  useEffect(() => {
    let left = false;
    bank.account.query().then(
      (found) => {
        lastAnswers.set(sessions, found);
        if (!left) setAccount(found);
      },
      // Offline, the last balance stays.
      () => {},
    );
    bank.sent.query({ ended }).then(
      ({ cents }) => {
        lastSent.set(sessions, cents);
        if (!left) setSentCents(cents);
      },
      () => {},
    );
    return () => {
      left = true;
    };
  }, [sessions, ended]);
  return (
    <section className="card account" aria-label="Current account">
      <span>Current account</span>
      <strong className="balance">{account ? formatCents(account.balanceCents) : "…"}</strong>
      <span className="iban">{account ? printedIban(account.iban) : "…"}</span>
      <span>Sent this month, with fees: {sentCents === undefined ? "…" : formatCents(sentCents)}</span>
    </section>
  );
}
