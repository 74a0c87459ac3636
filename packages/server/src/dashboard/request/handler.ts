import type { IncomingMessage } from "node:http";
import { isCrossSite, isReadOnlyMethod } from "../../sign-in/request/cross-site.ts";
import { documentOf } from "../html/document.ts";
import { html } from "../html/html.ts";
import { style } from "../html/style.ts";
import { LateReadError } from "../limited-reads.ts";
import {
  lateAnswer,
  type Answer,
  type FormRequest,
  type PageContext,
  type PageRequest,
} from "../pages/page-context.ts";
import { actions, pages, placeOf } from "../pages/pages.ts";
import { goTo, pageAnswer, styleAnswer, textAnswer } from "./answer.ts";
import { FORM_BYTES } from "./node-request.ts";
import type { Authorize, Operator } from "../options.ts";

export interface HandlerOptions {
  readonly context: PageContext;
  readonly authorize: Authorize;
  /** Resolves once the dashboard's own table is there. */
  readonly ready: () => Promise<void>;
  readonly report: (error: unknown) => void;
}

/** Answers requests. Nothing but the same 404 is told to somebody whom `authorize` does not know. */
export class Handler {
  readonly #options: HandlerOptions;

  constructor(options: HandlerOptions) {
    this.#options = options;
  }

  /** It never throws: a fault is reported, and the answer has no word of it. */
  async handle(request: Request, incoming: IncomingMessage | null): Promise<Response> {
    try {
      const operator = await this.#options.authorize(request, incoming);
      if (!isOperator(operator)) return textAnswer(404, "Not found");
      return await this.#answer(request, operator);
    } catch (error) {
      this.#options.report(error);
      return textAnswer(500, "This does not work now. The log of the server says why.");
    }
  }

  async #answer(request: Request, operator: Operator): Promise<Response> {
    const { method } = request;
    const url = new URL(request.url);
    const view = url.searchParams.get("view") ?? "overview";
    if (method !== "GET" && method !== "HEAD" && method !== "POST") {
      return textAnswer(405, "This address takes GET and POST.", { allow: "GET, HEAD, POST" });
    }
    if (!isReadOnlyMethod(request) && isFromElsewhere(request, url)) {
      return textAnswer(403, "The request comes from another site, or does not say from where.");
    }
    if (view === "style" && method !== "POST") return styleAnswer(style);

    await this.#options.ready();
    const asked = { operator, query: url.searchParams };
    const found = await this.#found(request, view, asked);
    if (found instanceof Response) return found;
    if ("goTo" in found) return goTo(found.goTo);
    const page = "status" in found ? { title: found.title, content: html`<p>${found.sentence}</p>` } : found;
    const document = documentOf(page, { view: placeOf(view), operator: operator.name });
    return pageAnswer(document, "status" in found ? found.status : 200);
  }

  /** The answer of a page or an action; or that the database did not answer in time. */
  async #found(request: Request, view: string, asked: PageRequest): Promise<Answer | Response> {
    try {
      return request.method === "POST" ? await this.#act(request, view, asked) : await this.#page(view, asked);
    } catch (error) {
      if (error instanceof LateReadError) return lateAnswer;
      throw error;
    }
  }

  #page(view: string, request: PageRequest): Promise<Answer> | Answer {
    const page = Object.hasOwn(pages, view) ? pages[view] : undefined;
    return page?.(this.#options.context, request) ?? noPage;
  }

  async #act(request: Request, view: string, asked: PageRequest): Promise<Answer | Response> {
    const action = Object.hasOwn(actions, view) ? actions[view] : undefined;
    if (action === undefined) return noPage;
    const type = request.headers.get("content-type") ?? "";
    if (!type.startsWith("application/x-www-form-urlencoded")) return textAnswer(415, "This takes a form.");
    const text = await request.text();
    if (text.length > FORM_BYTES) return textAnswer(413, "The form is too large.");
    const formRequest: FormRequest = { ...asked, form: new URLSearchParams(text) };
    return action(this.#options.context, formRequest);
  }
}

const noPage: Answer = { status: 404, title: "Not found", sentence: "There is no such page." };

/** An application in JavaScript may return anything: only an operator with a name is let in. */
function isOperator(operator: Operator | null): operator is Operator {
  return typeof operator === "object" && operator !== null && typeof operator.name === "string" && operator.name !== "";
}

/** All browsers of today say from where they send a form. So a form that says nothing is refused, too. */
function isFromElsewhere({ method, headers }: Request, { protocol, host }: URL): boolean {
  if (headers.get("sec-fetch-site") === null && headers.get("origin") === null) return true;
  const named = URL.parse(`${protocol}//${headers.get("host") ?? host}`);
  return isCrossSite({ method, headers, origin: named?.origin ?? null }, undefined);
}
