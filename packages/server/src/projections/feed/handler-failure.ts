import { stackFrames } from "../../report.ts";
import { errorCode, isTransient } from "../../postgres/errors.ts";

/** A handler of the application threw, or took too long, for a reason that lies in its entries. */
export class HandlerFailure extends Error {
  override readonly name = "HandlerFailure";

  constructor(message: string, options: { readonly cause: unknown }) {
    super(message, options);
  }

  /** What may be kept of the cause. Its message may quote what a person typed. */
  get described(): { readonly error: string; readonly code: string | null; readonly line: string | null } {
    const { cause } = this;
    const name = cause instanceof Error && /^[\w$.]{1,100}$/.test(cause.name) ? cause.name : typeof cause;
    const code = errorCode(cause);
    return {
      error: name,
      code: code !== undefined && /^\w{1,50}$/.test(code) ? code : null,
      line: cause instanceof Error ? (stackFrames(cause)[0]?.trim().slice(0, 300) ?? null) : null,
    };
  }
}

/** Whether the database is the reason, and the same handler may succeed a little later. */
export function isOutage(error: unknown): boolean {
  return isTransient(error) || /^(08...|57P0.|53...|E[A-Z]+)$/.test(errorCode(error) ?? "");
}

/** The lease has another holder by now. The transaction is rolled back, and nothing has happened. */
export class LeaseLostError extends Error {
  override readonly name = "LeaseLostError";
}
