import type { AnyFlow, Json } from "@sessions/core/internal";
import { table } from "../html/elements.ts";
import { html, type HtmlValue } from "../html/html.ts";
import { name, sessionLink } from "../html/link.ts";
import { insertAuditEntry } from "../rows/audit.ts";
import { findOwner, loadSummary } from "../rows/sessions.ts";
import { loadTypedData } from "../rows/typed-data.ts";
import { forbidden, notFound, uuidOf, type Answer, type FormRequest, type PageContext } from "./page-context.ts";

const SHORTEST_REASON = 8;
const LONGEST_REASON = 500;

/** The most letters of a step's data that are shown. */
const SHOWN = 20_000;

/** The data of one session, once, after an entry in the audit is committed. */
export async function typed(context: PageContext, { operator, form }: FormRequest): Promise<Answer> {
  if (operator.mayReadTyped !== true) return forbidden("You may not read what people typed.");
  const reason = form.get("reason")?.trim() ?? "";
  if (reason.length < SHORTEST_REASON || reason.length > LONGEST_REASON) {
    return {
      status: 400,
      title: "A reason is needed",
      sentence: `Give a reason of ${SHORTEST_REASON} to ${LONGEST_REASON} letters.`,
    };
  }
  const id = uuidOf(form, "id");
  const owner = id === null ? null : await findOwner(context, id);
  const summary = owner === null || id === null ? null : await loadSummary(context, owner, id);
  if (id === null || owner === null || summary === null) return notFound("session");

  const entry = { operator: operator.name, action: "read_typed", owner, subject: id, reason } as const;
  await insertAuditEntry(context, entry, context.now());
  const data = (await loadTypedData(context, owner, id)) ?? {};
  return {
    title: "What the person typed",
    content: [
      html`<p>
        Session ${sessionLink(id)}. The audit has your name and your reason. A reload asks for the reason again.
      </p>`,
      table({
        caption: "Submitted steps",
        columns: ["Step", "Data"],
        rows: Object.entries(data).map(([step, value]) => [
          name(step),
          shownData(context.flows.get(summary.flow), step, value),
        ]),
        empty: "nothing is submitted.",
      }),
    ],
  };
}

/** The data of a step that is surely not sensitive. A step that the dashboard does not know may be. */
function shownData(flow: AnyFlow | undefined, step: string, value: Json): HtmlValue {
  const known = flow !== undefined && Object.hasOwn(flow.steps, step) ? flow.steps[step] : undefined;
  if (known === undefined) return "Not shown: the option `flows` has no flow with this step.";
  if (known.sensitive) return "Not shown: the step is sensitive.";
  const text = JSON.stringify(value, null, 2);
  return html`<pre>${text.slice(0, SHOWN)}${text.length > SHOWN && "\n… the rest is not shown"}</pre>`;
}
