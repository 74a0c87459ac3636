import { html } from "../../html/html.ts";
import { addressOf, link, name } from "../../html/link.ts";
import { insertAuditEntry } from "../../rows/audit.ts";
import {
  forbidden,
  notFound,
  presentTables,
  textOf,
  uuidOf,
  type Answer,
  type FormRequest,
  type PageContext,
  type PageRequest,
} from "../page-context.ts";

const notAllowed = () => forbidden("You may not end sign-ins.");

/** Asks whether one sign-in of an owner is to end, or all of them. */
export async function askToEnd(context: PageContext, { operator, query }: PageRequest): Promise<Answer> {
  if (operator.mayEndSignIns !== true) return notAllowed();
  const owner = textOf(query, "owner");
  if (owner === null || !(await presentTables(context)).has("sign_in")) return notFound("owner");
  const id = uuidOf(query, "id");
  if (query.has("id") && id === null) return notFound("sign-in");
  return {
    title: id === null ? "End all sign-ins of this owner?" : "End this sign-in?",
    content: html`<p>Owner: ${name(owner)}${id !== null && html`. Sign-in: <span class="id">${id}</span>`}.</p>
      <p>
        ${
          id === null
            ? "Every browser of this owner is signed out. Their open pages keep what was typed."
            : "Its browser is signed out. Its open pages keep what was typed."
        }
        Your name is noted in the audit first.
      </p>
      <form class="row" method="post" action="?view=end-sign-ins">
        <input type="hidden" name="owner" value="${owner}" />${
          id !== null && html`<input type="hidden" name="id" value="${id}" />`
        }
        <button class="danger">${id === null ? "End all sign-ins" : "End the sign-in"}</button>
        <span>${link("Leave it", "owner", { owner })}</span>
      </form>`,
  };
}

/** Ends one sign-in of an owner, or all of them, after an entry in the audit is committed. */
export async function endSignIns(context: PageContext, { operator, form }: FormRequest): Promise<Answer> {
  if (operator.mayEndSignIns !== true) return notAllowed();
  const owner = textOf(form, "owner");
  if (owner === null || !(await presentTables(context)).has("sign_in")) return notFound("owner");
  const id = uuidOf(form, "id");
  if (form.has("id") && id === null) return notFound("sign-in");
  const action = id === null ? "end_all_sign_ins" : "end_sign_in";
  await insertAuditEntry(context, { operator: operator.name, action, owner, subject: id, reason: null }, context.now());
  const out =
    id === null ? await context.signIns.endAll(owner) : Number(await context.signIns.end(owner, id, "revoked"));
  return { goTo: addressOf("owner", { owner, out }) };
}
