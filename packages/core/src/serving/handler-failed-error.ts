import type { FaultCode } from "../error.ts";

/** The application's own code threw, took too long, or returned a value that is not allowed. The message names the handler. */
export class HandlerFailedError extends Error {
  override readonly name = "HandlerFailedError";
  readonly code: FaultCode;

  constructor(code: FaultCode, message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.code = code;
  }
}
