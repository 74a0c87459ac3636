import { audit } from "./audit.ts";
import { askToEnd, endSignIns } from "./actions/end-sign-ins.ts";
import { askAboutFault, retryFault, skipFault } from "./actions/fault.ts";
import { flows } from "./flows.ts";
import { health } from "./health.ts";
import { overview } from "./overview.ts";
import { owner } from "./owner.ts";
import type { Answer, FormRequest, PageContext, PageRequest } from "./page-context.ts";
import { projections } from "./projections.ts";
import { session } from "./session.ts";
import { signIns } from "./sign-ins.ts";
import { storage } from "./storage.ts";
import { typed } from "./actions/read-typed.ts";

/** The pages, by the `view` of their address. They change nothing. */
export const pages: Readonly<Record<string, (context: PageContext, request: PageRequest) => Promise<Answer>>> = {
  overview,
  flows,
  session,
  owner,
  "sign-ins": signIns,
  projections,
  storage,
  health,
  audit,
  "end-sign-ins": askToEnd,
  fault: askAboutFault,
};

/** What a form may do, by the `view` of its address. */
export const actions: Readonly<Record<string, (context: PageContext, request: FormRequest) => Promise<Answer>>> = {
  typed,
  "end-sign-ins": endSignIns,
  "retry-fault": retryFault,
  "skip-fault": skipFault,
};

/** The page of the navigation that a page belongs to. */
export function placeOf(view: string): string {
  if (["fault", "retry-fault", "skip-fault"].includes(view)) return "projections";
  return ["session", "owner", "typed", "end-sign-ins"].includes(view) ? "overview" : view;
}
