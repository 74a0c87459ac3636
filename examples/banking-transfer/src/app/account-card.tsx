import { useEffect, useState } from "react";
import { bank } from "./bank.ts";
import { formatCents } from "./money.ts";
import { printedIban } from "./wording.ts";

/** The balance; asked for again whenever `changed` changes. */
export function AccountCard({ changed }: { readonly changed: string | undefined }) {
  const [account, setAccount] = useState<{ iban: string; balanceCents: number } | null>(null);
  useEffect(() => {
    let left = false;
    bank.account.query().then(
      (found) => !left && setAccount(found),
      // Offline the last balance stays; there is nothing better to show.
      () => {},
    );
    return () => {
      left = true;
    };
  }, [changed]);
  return (
    <section className="card account" aria-label="Current account">
      <span>Current account</span>
      <strong className="balance">{account ? formatCents(account.balanceCents) : "…"}</strong>
      <span className="iban">{account ? printedIban(account.iban) : "…"}</span>
    </section>
  );
}
