import type { IncomingMessage, ServerResponse } from "node:http";
import type { Visit } from "../visit/visit.ts";
import { refuse } from "./node.ts";

declare global {
  // The types of Express are merged with this namespace. It needs no import of them.
  namespace Express {
    interface Request {
      /** Who is signed in. Set by `signIns.express()`. */
      visit: Visit;
    }
  }
}

/** A middleware of Express 5. */
export type ExpressMiddleware = (
  req: IncomingMessage & { visit?: Visit },
  res: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** A middleware of Express 5 for errors. */
export type ExpressErrorMiddleware = (
  error: unknown,
  req: IncomingMessage,
  res: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** Answers a request that a visit refuses in a route, and leaves other errors to the application. */
export const expressErrorMiddleware: ExpressErrorMiddleware = (error, _req, res, next) => {
  if (!refuse(res, error)) next(error);
};

/** Sets `req.visit`. A request that is refused is answered, and goes no further. */
export function expressMiddleware(
  open: (req: IncomingMessage, res: ServerResponse) => Promise<Visit | null>,
): ExpressMiddleware {
  return (req, res, next) => {
    const visited = (visit: Visit | null) => {
      if (visit === null) return;
      req.visit = visit;
      next();
    };
    open(req, res).then(visited, next);
  };
}
