import { createRequire } from "node:module";
import { SessionsError } from "@sessions/core/internal";

interface ExpressSession {
  readonly Store: { readonly prototype: { createSession(this: unknown, request: object, session: object): object } };
}

/** Makes the session of a request from one that was read, as all stores of express-session do. */
export function createExpressSession(store: object, request: object, session: object): object {
  return installed().Store.prototype.createSession.call(store, request, session);
}

let found: ExpressSession | undefined;

/** The express-session of the application. Only its middleware asks for this. */
function installed(): ExpressSession {
  try {
    return (found ??= createRequire(import.meta.url)("express-session") as ExpressSession);
  } catch (cause) {
    throw new SessionsError("configuration_invalid", "Install express-session beside @sessions/server.", { cause });
  }
}
