import type { IncomingMessage, ServerResponse } from "node:http";
import { fetchRequest, respondWith } from "./adapters/fetch.ts";
import { addOnSend, NodeRequest, refuse, sendAnswer } from "./adapters/node.ts";
import { originOf, type RequestOptions } from "./adapters/origin.ts";
import { cookieNameOf } from "./request/cookies.ts";
import type { RequestHeaders, VisitRequest } from "./request/request-head.ts";
import { withAnswerLimit } from "./visit/exchange/answer-limit.ts";
import { BindingEndpoint, type EndpointAnswer } from "./visit/binding-endpoint.ts";
import { openSignIn, openVisit, type OpenOptions } from "./visit/open-visit.ts";
import type { RequestVisit } from "./visit/request-visit.ts";
import type { ReadOnlyVisit, Visit } from "./visit/visit.ts";
import { VisitHeaders, type TokenWriter } from "./visit/exchange/visit-headers.ts";
import { VisitError } from "./visit/exchange/visit-error.ts";
import { createTokenWriter } from "./visit/exchange/token-writer.ts";

export interface VisitsOptions extends OpenOptions, RequestOptions {
  /** How long a sign-in lasts from its last proof, in milliseconds. */
  readonly absoluteMs: number;
  /** The path of the endpoints that bind a sign-in to a device; undefined if none is bound. */
  readonly bindingPath: string | undefined;
}

/** The visits of one node. A request has one, however many parts of the application ask for it. */
export class Visits {
  readonly #options: VisitsOptions;
  readonly #writer: TokenWriter;
  readonly #endpoint: BindingEndpoint | undefined;
  readonly #opened = new WeakMap<object, Opening>();

  constructor(options: VisitsOptions) {
    this.#options = options;
    this.#writer = createTokenWriter(options);
    const { keeper, bindingPath: path, now, report } = options;
    this.#endpoint =
      path === undefined
        ? undefined
        : new BindingEndpoint({
            keeper,
            path,
            now,
            signInOf: (request, headers) => openSignIn(options, request, headers),
            ask: (asked) => withAnswerLimit(asked, report),
          });
  }

  /** @throws {VisitError} */
  async ofNode(req: IncomingMessage, res: ServerResponse): Promise<RequestVisit> {
    return this.#ofNode(req, res);
  }

  /** The visit, or the answer to a request that the browser makes by itself. @throws {VisitError} */
  async ofFastify(req: IncomingMessage, res: ServerResponse): Promise<RequestVisit | EndpointAnswer> {
    return (await this.#endpointAnswer(req, res)) ?? this.#ofNode(req, res);
  }

  /** Null if the request was refused, and is answered. */
  async answeringNode(req: IncomingMessage, res: ServerResponse): Promise<RequestVisit | null> {
    try {
      const answered = this.#endpointAnswer(req, res);
      if (answered) {
        sendAnswer(res, await answered);
        return null;
      }
      const opening = this.#ofNode(req, res);
      // Each wait takes longer than the check.
      return opening instanceof Promise ? await opening : opening;
    } catch (error) {
      if (!(error instanceof VisitError)) throw error;
      refuse(res, error); // False if the answer has begun: then nothing can be told.
      return null;
    }
  }

  async ofFetch(request: Request, respond: (visit: Visit) => Response | Promise<Response>): Promise<Response> {
    const outer = this.#opened.get(request);
    // Whoever opened the visit adds its headers to the answer.
    if (outer) return respond(await outer);
    const visitRequest = fetchRequest(request, this.#options);
    const visitHeaders = this.#headersFor(visitRequest);
    try {
      const answered = await this.#endpoint?.answer(visitRequest, visitHeaders);
      if (answered) {
        const { status, headers, body } = answered;
        return respondWith(new Response(body, { status, headers }), visitHeaders);
      }
      const visit = await this.#once(request, () => openVisit(this.#options, visitRequest, visitHeaders));
      return respondWith(await respond(visit), visitHeaders);
    } catch (error) {
      // A change before it may have committed.
      if (error instanceof VisitError) return respondWith(error.getResponse(), visitHeaders);
      throw error;
    }
  }

  /** Like `ofFetch`. But `respond` answers a refused request too: tRPC does so when it asks for the context. */
  async ofTRPC(request: Request, respond: () => Response | Promise<Response>): Promise<Response> {
    if (this.#opened.get(request)) return respond();
    const visitRequest = fetchRequest(request, this.#options);
    const visitHeaders = this.#headersFor(visitRequest);
    try {
      await this.#once(request, () => openVisit(this.#options, visitRequest, visitHeaders));
    } catch (error) {
      if (!(error instanceof VisitError)) throw error;
      visitHeaders.refuse(error);
    }
    return respondWith(await respond(), visitHeaders);
  }

  /** A visit that can set no cookie, of a request that changes nothing. */
  async ofHeaders(headers: RequestHeaders): Promise<ReadOnlyVisit> {
    const scheme = headers.get("x-forwarded-proto") === "https" ? "https" : "http";
    const origin = originOf(headers, { host: headers.get("host"), scheme, trustProxy: false });
    const cookieName = cookieNameOf({ headers, origin }, { ...this.#options, isDirect: () => true });
    const request: VisitRequest = { method: "GET", path: "", origin, headers, cookieName, address: null };
    return openVisit(this.#options, request, this.#headersFor(request));
  }

  /** The visit that another part of the application has opened. */
  opened(request: object): Opening | undefined {
    return this.#opened.get(request);
  }

  #endpointAnswer(req: IncomingMessage, res: ServerResponse): Promise<EndpointAnswer> | undefined {
    if (!this.#endpoint) return undefined;
    const request = new NodeRequest(req, this.#options);
    const visitHeaders = this.#headersFor(request);
    const answered = this.#endpoint.answer(request, visitHeaders);
    if (answered) addOnSend(res, visitHeaders);
    return answered;
  }

  #ofNode(req: IncomingMessage, res: ServerResponse): Opening {
    return this.#once(req, () => {
      const request = new NodeRequest(req, this.#options);
      const visitHeaders = this.#headersFor(request);
      addOnSend(res, visitHeaders);
      return openVisit(this.#options, request, visitHeaders);
    });
  }

  #once(request: object, open: () => Opening): Opening {
    const opened = this.#opened.get(request);
    if (opened !== undefined) return opened;
    const opening = started(open);
    this.#opened.set(request, opening);
    return opening;
  }

  #headersFor(request: VisitRequest): VisitHeaders {
    return new VisitHeaders(this.#writer, request);
  }
}

/** A visit, or the promise of one if somebody has to be asked. */
type Opening = RequestVisit | Promise<RequestVisit>;

/** Whoever asks for the visit again gets the same refusal. */
function started(open: () => Opening): Opening {
  try {
    return open();
  } catch (error) {
    return Promise.reject(error);
  }
}
