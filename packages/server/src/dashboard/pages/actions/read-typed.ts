import type { AnyFlow, Json } from "@sessions/core/internal";
import { table } from "../../html/elements.ts";
import { html, type HtmlValue } from "../../html/html.ts";
import { name, sessionLink } from "../../html/link.ts";
import { insertAuditEntry } from "../../rows/audit.ts";
import { findOwner, loadSummary } from "../../rows/sessions.ts";
import { loadTypedData } from "../../rows/typed-data.ts";
import { reasonNeeded, reasonOf } from "./reason.ts";
import { unlessKeysMissing } from "../keys-missing.ts";
import { forbidden, notFound, uuidOf, type Answer, type FormRequest, type PageContext } from "../page-context.ts";

/** The most letters of a step's data that are shown. */
const SHOWN = 20_000;

/** The data of one session, once, after an entry in the audit is committed. */
export async function typed(context: PageContext, { operator, form }: FormRequest): Promise<Answer> {
  if (operator.mayReadTyped !== true) return forbidden("You may not read what people typed.");
  const reason = reasonOf(form);
  if (reason === null) return reasonNeeded;
  const id = uuidOf(form, "id");
  if (id === null) return notFound("session");
  const found = await context.read(async (source) => {
    const owner = await findOwner(source, id);
    return owner === null ? null : { owner, summary: await loadSummary(source, owner, id) };
  });
  if (found === null || found.summary === null) return notFound("session");
  const { owner, summary } = found;

  const entry = { operator: operator.name, action: "read_typed", owner, subject: id, reason } as const;
  await insertAuditEntry(context, entry, context.now());
  // Before the reading, whose transaction must not wait for another connection.
  const cipher = await context.cipherOf(owner).catch(unlessKeysMissing);
  const data = cipher && ((await context.read((source) => loadTypedData(source, () => cipher, owner, id))) ?? {});
  return {
    title: "What the person typed",
    content: [
      html`<p>
        Session ${sessionLink(id)}. The audit has your name and your reason. A reload asks for the reason again.
      </p>`,
      table({
        caption: "Submitted steps",
        columns: ["Step", "Data"],
        rows: Object.entries(data ?? {}).map(([step, value]) => [
          name(step),
          shownData(context.flows.get(summary.flow), step, value),
        ]),
        empty:
          data === null ? "it is sealed, and the dashboard was not given the option `keys`." : "nothing is submitted.",
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
