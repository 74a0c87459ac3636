/**
 * The parts of an HTTP answer that say who answered, as far as they are known. The body is left out, because it may hold
 * anything.
 */
export interface Answer {
  /** 0 if the browser hides it, as it does for a redirect to another origin. */
  readonly status: number;
  /** Whether the tRPC router answered. */
  readonly isRouters?: boolean;
  readonly isHtml?: boolean;
  /** Whether another address answered than the one that was called. */
  readonly redirected?: boolean;
  /** The address that answered, without its query. */
  readonly url?: string;
  /** How long the server asks to wait, in milliseconds; 0 if it does not say. */
  readonly retryAfterMs?: number;
}

/** Another program than the router answered. */
export class AnswerError extends Error {
  readonly answer: Answer;

  constructor(answer: Answer) {
    super(`${answer.url} answered ${answer.status}.`);
    this.answer = answer;
  }
}

/** Nobody answered: there is no connection, or the browser keeps the answer of another origin from the page. */
export class UnansweredError extends Error {
  readonly unanswered: string;

  constructor(url: string, cause: unknown) {
    super("No answer.", { cause });
    this.unanswered = withoutQuery(url);
  }
}

/** Reads an answer. `json` is undefined if the router did not answer. */
export async function readAnswer(response: Response): Promise<{ readonly answer: Answer; readonly json?: unknown }> {
  const text = await response.text();
  const about = answerOfResponse(response);
  try {
    const json: unknown = JSON.parse(text);
    if (isEnvelope(json)) return { answer: { ...about, isRouters: true }, json };
  } catch {
    // The body is no JSON: a page, or nothing.
  }
  return { answer: about };
}

/** The answer to a call that failed; undefined if nobody answered. */
export function answerOf(error: unknown): Answer | undefined {
  const { data, meta, cause } = (error ?? {}) as {
    readonly data?: { readonly httpStatus?: unknown } | null;
    readonly meta?: { readonly response?: Response };
    readonly cause?: unknown;
  };
  // This goes by shapes: the application's tRPC client may come from another copy of tRPC.
  const { answer } = (cause ?? {}) as { readonly answer?: Answer };
  if (answer !== undefined) return answer;
  const known = meta?.response ? answerOfResponse(meta.response) : { status: 0 };
  if (typeof data?.httpStatus === "number") return { ...known, status: data.httpStatus, isRouters: true };
  return meta?.response || cause instanceof SyntaxError ? known : undefined;
}

function answerOfResponse(response: Response): Answer {
  const { status, redirected, url, headers } = response;
  const retryAfterMs = retryAfterMsOf(headers.get("retry-after") ?? "");
  return { status, isHtml: isHtml(response), redirected, url: withoutQuery(url), retryAfterMs };
}

export function isHtml({ headers }: Response): boolean {
  return /html/.test(headers.get("content-type") ?? "");
}

/** Whether the same request would be refused again. The reason is not who asks, and not that a server is busy. */
export function isFinal(status: number): boolean {
  return status >= 400 && status < 500 && ![401, 408, 425, 429].includes(status);
}

/**
 * Whether the request's content may be the reason for the answer: then the same request gets the same answer again. A
 * firewall that refuses a text may answer with a page, with nothing, or with a redirect.
 */
export function isBlocking({ status, isRouters }: Answer): boolean {
  return isFinal(status) || (!isRouters && (status < 400 || status === 401));
}

/** A call is blocked after so many refusals in a row. Fewer refusals may have a cause that passes. */
export const BLOCKED_TRIES = 3;

/**
 * Whether the router, or a program before it, refused a call for its content. `isOffline`: whether other calls fail too.
 * Then a failure of the server is no refusal of this call.
 */
export function isRefused(error: unknown, isOffline: boolean): boolean {
  const answer = answerOf(error);
  if (answer === undefined) return false;
  return isFinal(answer.status) || !(isOffline || [401, 408, 425, 429, 503].includes(answer.status));
}

export function withoutQuery(url: string): string {
  return url.replace(/[?#].*/s, "");
}

/** The value of `retry-after` in milliseconds: it is a number of seconds, or a date (RFC 9110, 10.2.3). */
function retryAfterMsOf(value: string): number {
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return ms > 0 ? ms : 0;
}

function isEnvelope(json: unknown): boolean {
  const { result, error } = (json ?? {}) as { readonly result?: unknown; readonly error?: { readonly code?: unknown } };
  return typeof result === "object" || typeof error?.code === "number";
}
