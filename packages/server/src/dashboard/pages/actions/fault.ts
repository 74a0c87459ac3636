import { ProjectionOperator } from "../../../projections/operator.ts";
import type { ProjectionFault, FaultOf } from "../../../projections/rows/faults.ts";
import { facts } from "../../html/elements.ts";
import { moment } from "../../html/format.ts";
import { html, type Html } from "../../html/html.ts";
import { addressOf, link, name, ownerLink } from "../../html/link.ts";
import { insertAuditEntry } from "../../rows/audit.ts";
import { reasonField, reasonNeeded, reasonOf } from "./reason.ts";
import {
  forbidden,
  presentTables,
  textOf,
  type Answer,
  type FormRequest,
  type PageContext,
  type PageRequest,
} from "../page-context.ts";

const notAllowed = () => forbidden("You may not decide about entries for which sessions wait.");
const isGone: Answer = {
  status: 404,
  title: "Nothing waits",
  sentence: "No session waits for this entry. It has been applied or skipped meanwhile.",
};

/** Asks what is to become of the entry for which a stream waits. */
export async function askAboutFault(context: PageContext, { operator, query }: PageRequest): Promise<Answer> {
  if (operator.mayDecideFaults !== true) return notAllowed();
  const fault = await findFault(context, query);
  if (fault === undefined) return isGone;
  const { projection, owner, stream, number, tries, since } = fault;
  return {
    title: "Retry or skip this entry?",
    content: html`${facts([
        ["Projection", link(name(projection), "projections", { projection })],
        ["Owner", ownerLink(owner)],
        ["Stream", html`<bdi class="id">${stream}</bdi>`],
        ["Entry", number],
        ["Fault", errorText(fault)],
        ["Tries", html`${tries}, since ${moment(Date.parse(since))}`],
      ])}
      <p>Your name and your reason are noted in the audit first.</p>
      <h2>Try it again</h2>
      <p>A node tries it at once. Do this when the cause is mended. If it fails again, the stream goes on waiting.</p>
      ${decisionForm("retry-fault", fault, html`<button>Try it again</button>`)}
      <h2>Skip it</h2>
      <p>The projection never applies this entry: its tables lack what follows from it. The entries behind it go on.</p>
      ${decisionForm("skip-fault", fault, html`<button class="danger">Skip the entry</button>`)}
      <p>${link("Leave it", "projections", { projection })}</p>`,
  };
}

/** Has the entry of a fault tried again, after an entry in the audit is committed. */
export function retryFault(context: PageContext, request: FormRequest): Promise<Answer> {
  return decide(context, request, "retry_entry", async (projections, fault, reason) => {
    await projections.retry(fault, reason);
    return "retried";
  });
}

/** Counts the entry of a fault as applied, after an entry in the audit is committed. */
export function skipFault(context: PageContext, request: FormRequest): Promise<Answer> {
  return decide(context, request, "skip_entry", async (projections, fault, reason) =>
    (await projections.skip(fault, reason)) ? "skipped" : "gone",
  );
}

/** What has become of a fault, by the word in the address of the next page. */
export const decisions: Readonly<Record<string, string>> = {
  retried: "A node will try the entry again at once.",
  skipped: "The entry is skipped. The entries behind it go on.",
  gone: "Nothing was done: the entry has been applied or skipped meanwhile.",
};

async function decide(
  context: PageContext,
  { operator, form }: FormRequest,
  action: "retry_entry" | "skip_entry",
  act: (
    projections: ProjectionOperator,
    fault: ProjectionFault,
    reason: { readonly who: string; readonly why: string },
  ) => Promise<keyof typeof decisions>,
): Promise<Answer> {
  if (operator.mayDecideFaults !== true) return notAllowed();
  const why = reasonOf(form);
  if (why === null) return reasonNeeded;
  const fault = await findFault(context, form);
  if (fault === undefined) return isGone;
  const { projection, owner, stream, number } = fault;
  const subject = `${projection}, ${stream}, entry ${number}`;
  await insertAuditEntry(context, { operator: operator.name, action, owner, subject, reason: why }, context.now());
  const decided = await act(new ProjectionOperator(context), fault, { who: operator.name, why });
  return { goTo: addressOf("projections", { projection, decided }) };
}

/** What went wrong. A fault has no message: it may quote what a person typed. */
export function errorText({ error, code, line }: ProjectionFault): Html {
  const words = [error, code].filter((word) => word !== null).join(" ");
  return html`${name(words)} <small>${line}</small>`;
}

const keyOf = ({ projection, build, owner, stream, number }: FaultOf) => ({ projection, build, owner, stream, number });

/** The address of the page that asks about a fault. */
export function faultAddress(fault: FaultOf): string {
  return addressOf("fault", keyOf(fault));
}

function decisionForm(view: string, fault: FaultOf, button: Html): Html {
  return html`<form class="row" method="post" action="${addressOf(view)}">
    ${Object.entries(keyOf(fault)).map(([field, value]) => html`<input type="hidden" name="${field}" value="${value}" />`)}
    ${reasonField} ${button}
  </form>`;
}

async function findFault(context: PageContext, fields: URLSearchParams): Promise<ProjectionFault | undefined> {
  const [projection, owner, stream] = ["projection", "owner", "stream"].map((field) => textOf(fields, field));
  const [build, number] = ["build", "number"].map((field) => Number(fields.get(field)));
  if (!projection || !owner || !stream || !isCount(build) || !isCount(number)) return undefined;
  if (!(await presentTables(context)).has("projection_fault")) return undefined;
  return context.read((source) =>
    new ProjectionOperator({ ...source, now: context.now }).fault({ projection, build, owner, stream, number }),
  );
}

const isCount = (value: number | undefined): value is number =>
  Number.isInteger(value) && value! > 0 && value! < 2 ** 31;
