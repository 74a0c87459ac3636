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

/** The bank's last answer. It is kept while the person is signed in on this page. */
const lastAnswers = new WeakMap<SessionsClient, Account>();

/** The balance. It is loaded again when `changed` changes. */
export function AccountCard({ changed }: { readonly changed: string | undefined }) {
  const sessions = useSessionsClient();
  const [account, setAccount] = useState(lastAnswers.get(sessions));
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
    return () => {
      left = true;
    };
  }, [sessions, changed]);
  return (
    <section className="card account" aria-label="Current account">
      <span>Current account</span>
      <strong className="balance">{account ? formatCents(account.balanceCents) : "…"}</strong>
      <span className="iban">{account ? printedIban(account.iban) : "…"}</span>
    </section>
  );
}
