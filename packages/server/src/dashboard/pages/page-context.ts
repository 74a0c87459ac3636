import type { AnyFlow } from "@sessions/core/internal";
import type { SignInKeeper } from "../../sign-in/keeper/sign-in-keeper.ts";
import type { Page } from "../html/document.ts";
import { html, type Html } from "../html/html.ts";
import { LateReadError } from "../limited-reads.ts";
import { listPresent, type PresentTables } from "../rows/present-tables.ts";
import type { OwnerCipher } from "../../secrets/owner-cipher.ts";
import type { DashboardSource } from "../rows/tables.ts";
import type { Operator } from "../options.ts";
import type { Readings } from "../readings.ts";

/** The connections of this node's pool; null if the database has no pool that tells. */
export interface PoolState {
  readonly open: number;
  readonly idle: number;
  readonly waiting: number;
  readonly most: number | null;
}

/** Whether this node hears the bus, and since when, in milliseconds since 1970. */
export interface BusState {
  readonly isListening: boolean;
  readonly sinceMs: number;
}

/** What the pages read from. */
export interface PageContext extends DashboardSource {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly readings: Readings;
  /** Reads what is not shown again to another operator. @throws {LateReadError} */
  readonly read: <T>(read: (source: DashboardSource) => Promise<T>) => Promise<T>;
  /** The cipher of an owner. */
  readonly cipherOf: (owner: string, generation?: number) => Promise<OwnerCipher>;
  readonly flows: ReadonlyMap<string, AnyFlow>;
  readonly signIns: SignInKeeper;
  readonly pool: () => PoolState | null;
  /** Null without a bus. */
  readonly bus: () => BusState | null;
}

/** What an operator asks for. */
export interface PageRequest {
  readonly operator: Operator;
  readonly query: URLSearchParams;
}

/** The fields of a form that an operator has sent. */
export interface FormRequest extends PageRequest {
  readonly form: URLSearchParams;
}

/** A page; an address to go to; or a status with a sentence for the operator. */
export type Answer =
  | Page
  | { readonly goTo: string }
  | { readonly status: 400 | 403 | 404 | 503; readonly title: string; readonly sentence: string };

/** Which relations there are. */
export async function presentTables(context: PageContext): Promise<PresentTables> {
  return (await context.readings.get("present tables", listPresent)).value;
}

/** A part of a page. If the database does not answer in time, the page says so in its place. */
export async function part(title: string, content: Promise<Html>): Promise<Html> {
  try {
    return await content;
  } catch (error) {
    if (!(error instanceof LateReadError)) throw error;
    return html`<section>
      <h2>${title}</h2>
      <p class="notice">${late}</p>
    </section>`;
  }
}

const late = "The database did not answer in time. The page on health says which transactions are open.";

export const lateAnswer: Answer = { status: 503, title: "No answer", sentence: late };

/** A text of the query; null if it is missing or too long to be an id. */
export function textOf(parameters: URLSearchParams, name: string): string | null {
  const text = parameters.get(name);
  return text === null || text === "" || text.length > 500 ? null : text;
}

/** A UUID of the query; null if it is none. */
export function uuidOf(parameters: URLSearchParams, name: string): string | null {
  const text = parameters.get(name)?.trim().toLowerCase() ?? "";
  return /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/.test(text) ? text : null;
}

export const notFound = (thing: string): Answer => ({
  status: 404,
  title: "Not found",
  sentence: `There is no such ${thing}. It may have been dropped with its month.`,
});

export const forbidden = (sentence: string): Answer => ({ status: 403, title: "Not allowed", sentence });
