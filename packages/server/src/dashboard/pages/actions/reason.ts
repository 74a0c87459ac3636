import { html, type Html } from "../../html/html.ts";
import type { Answer } from "../page-context.ts";

const SHORTEST = 8;
const LONGEST = 500;

/** The field of a form in which an operator gives a reason for the audit. */
export const reasonField: Html = html`<label
  >Your reason <input name="reason" required minlength="${SHORTEST}" maxlength="${LONGEST}" autocomplete="off"
/></label>`;

/** The reason of a form; null if it is too short or too long. */
export function reasonOf(form: URLSearchParams): string | null {
  const reason = form.get("reason")?.trim() ?? "";
  return reason.length < SHORTEST || reason.length > LONGEST ? null : reason;
}

export const reasonNeeded: Answer = {
  status: 400,
  title: "A reason is needed",
  sentence: `Give a reason of ${SHORTEST} to ${LONGEST} letters.`,
};
