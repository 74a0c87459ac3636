import type { ReactNode } from "react";
import { Link } from "../elements/navigation.tsx";
import { useTitle } from "../elements/title.ts";

/** A page for a missing page or transfer: the possible reason, and a link to the account. */
export function NotFound({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  useTitle(title);
  return (
    <main className="page transfer">
      <article className="card missing">
        <h1>{title}</h1>
        <p>{children}</p>
        <div className="actions">
          <Link to="/" className="button">
            To your account
          </Link>
        </div>
      </article>
    </main>
  );
}
