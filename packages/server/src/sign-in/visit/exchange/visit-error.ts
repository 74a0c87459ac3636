import { TRPCError } from "@trpc/server";
import type { AssuranceLevel } from "@sessions/core/internal";

/** Why a request is refused, or cannot be answered now. docs/sign-ins/sign-in.md says for each what to do. */
export type VisitErrorReason =
  | "cross_site"
  | "csrf_mismatch"
  | "method_not_allowed"
  | "sign_in_again"
  | "signed_out"
  | "superseded"
  | "unavailable";

interface Answer {
  readonly code: "FORBIDDEN" | "METHOD_NOT_SUPPORTED" | "SERVICE_UNAVAILABLE" | "UNAUTHORIZED";
  readonly status: number;
  readonly message: string;
  readonly retryAfterSeconds?: number;
}

const answers: Readonly<Record<VisitErrorReason, Answer>> = {
  cross_site: {
    code: "FORBIDDEN",
    status: 403,
    message:
      "Another site may have asked for this change. A program that sends cookies also sends Origin: the origin of this server.",
  },
  csrf_mismatch: {
    code: "FORBIDDEN",
    status: 403,
    message: "The header sign-in-csrf is not the value of this sign-in. Ask for `current` again.",
  },
  method_not_allowed: {
    code: "METHOD_NOT_SUPPORTED",
    status: 405,
    message: "A GET request changes nothing. Use POST.",
  },
  sign_in_again: { code: "UNAUTHORIZED", status: 401, message: "Prove who you are again." },
  signed_out: { code: "UNAUTHORIZED", status: 401, message: "Sign in first." },
  superseded: {
    code: "SERVICE_UNAVAILABLE",
    status: 503,
    message: "This sign-in has a newer cookie. Send the request again.",
    retryAfterSeconds: 0,
  },
  unavailable: {
    code: "SERVICE_UNAVAILABLE",
    status: 503,
    message: "Nobody can tell now who is signed in. Send the request again.",
    retryAfterSeconds: 2,
  },
};

/** The proof that a request lacks. */
export interface AskedProof {
  /** How old the last proof may be, in milliseconds. */
  readonly freshMs?: number;
  readonly level?: AssuranceLevel;
}

/**
 * Refuses a request. tRPC answers it by itself, and so does Hono, which asks for `getResponse`. In Express use
 * `signIns.expressErrors()`, in Fastify `signIns.fastifyErrors()`, in plain Node `signIns.refuse`. It never holds a token.
 */
export class VisitError extends TRPCError {
  override readonly name = "TRPCError";
  readonly reason: VisitErrorReason;
  readonly status: number;
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  /** With `sign_in_again`: the proof that is asked for. */
  readonly asked: AskedProof | undefined;

  constructor(reason: VisitErrorReason, options: { readonly asked?: AskedProof; readonly cause?: unknown } = {}) {
    const { code, status, message, retryAfterSeconds } = answers[reason];
    super({ code, message, cause: options.cause });
    this.reason = reason;
    this.status = status;
    this.statusCode = status;
    this.headers = {
      "cache-control": "no-store",
      ...(retryAfterSeconds !== undefined && { "retry-after": String(retryAfterSeconds) }),
    };
    this.asked = options.asked;
  }

  /** The answer that the request gets outside of tRPC. */
  getResponse(): Response {
    const { status, headers, body } = refusalOf(this);
    return new Response(body, { status, headers });
  }
}

/** The answer to a refused request outside of tRPC. */
export function refusalOf({ reason, message, asked, status, headers }: VisitError): {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
} {
  return {
    status,
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify({ error: reason, message, asked }),
  };
}
