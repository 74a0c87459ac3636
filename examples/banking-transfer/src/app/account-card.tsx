import type { Sessions } from "@sessions/client";
import { useSessionsClient } from "@sessions/react";
import { useEffect, useState } from "react";
import { bank } from "./bank.ts";
import { formatCents } from "./money.ts";
import { printedIban } from "./wording.ts";

interface Account {
  readonly iban: string;
  readonly balanceCents: number;
}

/** The last that was heard, for as long as the person is signed in on this page. */
const heard = new WeakMap<Sessions, Account>();

/** The balance; asked for again whenever `changed` changes. */
export function AccountCard({ changed }: { readonly changed: string | undefined }) {
  const sessions = useSessionsClient();
  const [account, setAccount] = useState(heard.get(sessions));
  useEffect(() => {
    let left = false;
    bank.account.query().then(
      (found) => {
        heard.set(sessions, found);
        if (!left) setAccount(found);
      },
      // Offline the last balance stays; there is nothing better to show.
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
