import { table } from "../html/elements.ts";
import { moment } from "../html/format.ts";
import { html } from "../html/html.ts";
import { name, nextLink, ownerLink, sessionLink } from "../html/link.ts";
import { listAudit } from "../rows/audit.ts";
import type { AuditedAction } from "../rows/tables.ts";
import type { Answer, PageContext, PageRequest } from "./page-context.ts";

const PAGE_SIZE = 50;

const actions: Readonly<Record<AuditedAction, string>> = {
  read_typed: "read what was typed",
  end_sign_in: "ended a sign-in",
  end_all_sign_ins: "ended all sign-ins",
  retry_entry: "had an entry tried again",
  skip_entry: "skipped an entry",
};

/** What operators did here. */
export async function audit(context: PageContext, { query }: PageRequest): Promise<Answer> {
  const after = query.get("after");
  const before = after !== null && /^\d{1,18}$/.test(after) ? after : null;
  const entries = await context.read((source) => listAudit(source, { before, limit: PAGE_SIZE + 1 }));
  const shown = entries.slice(0, PAGE_SIZE);
  const next = entries.length > PAGE_SIZE ? (shown.at(-1)?.id ?? null) : null;
  return {
    title: "Audit",
    content: [
      html`<p>An entry is committed before its action. All times are UTC.</p>`,
      table({
        caption: "Actions of operators",
        columns: ["When", "Operator", "What", "Owner", "Session, sign-in or entry", "Reason"],
        rows: shown.map(({ atMs, operator, action, owner, subject, reason }) => [
          moment(atMs),
          name(operator),
          actions[action],
          ownerLink(owner),
          subject !== null &&
            (action === "read_typed" ? sessionLink(subject) : html`<span class="id">${subject}</span>`),
          reason !== null && name(reason),
        ]),
        empty: "nobody has done anything that is noted.",
      }),
      nextLink(next, "audit", {}),
    ],
  };
}
