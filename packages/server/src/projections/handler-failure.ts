import { errorCode, isTransient } from "../postgres/errors.ts";

/** A handler of the application threw, or took too long, for a reason that lies in its entries. */
export class HandlerFailure extends Error {
  override readonly name = "HandlerFailure";

  constructor(message: string, options: { readonly cause: unknown }) {
    super(message, options);
  }
}

/** Whether the database is the reason, and the same handler may succeed a little later. */
export function isOutage(error: unknown): boolean {
  return isTransient(error) || /^(08...|57P0.|53...|E[A-Z]+)$/.test(errorCode(error) ?? "");
}
