import type { ReactNode } from "react";
import { Link } from "./route.tsx";
import { useTitle } from "./title.ts";

/** Instead of what is not there: what may be the reason, and a way on. */
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
