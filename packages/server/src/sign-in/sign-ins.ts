import type { IncomingMessage, ServerResponse } from "node:http";
import { SessionsError, type AssuranceLevel, type DataDefinitions } from "@sessions/core/internal";
import {
  expressErrorMiddleware,
  expressMiddleware,
  type ExpressErrorMiddleware,
  type ExpressMiddleware,
} from "./adapters/express.ts";
import {
  fastifyErrorHandler,
  fastifyPlugin,
  type FastifyErrorHandler,
  type FastifyOptions,
  type FastifyPlugin,
} from "./adapters/fastify.ts";
import { refuse } from "./adapters/node.ts";
import type { SignInHistoryItem, ListPage, ListPageRequest, SignInKeeper } from "./keeper/sign-in-keeper.ts";
import type { Adoption } from "../postgres/adoption.ts";
import type { CheckedOptions } from "./options/checked-options.ts";
import type { RequestHeaders } from "./request/request-head.ts";
import { visitOf } from "./router/procedures.ts";
import { createSignInRouter, type SignInRouter } from "./router/router.ts";
import type { RequestVisit } from "./visit/request-visit.ts";
import { EndListeners } from "./visit/end-listeners.ts";
import { SignInStreams } from "./visit/sign-in-streams.ts";
import { SignalDetector } from "./visit/signal-detector.ts";
import type { ReadOnlyVisit, DeclaredData, SignInPage, SignInPageRequest, Visit } from "./visit/visit.ts";
import { VisitError } from "./visit/exchange/visit-error.ts";
import { visitedSignIn } from "./visit/visited-sign-in.ts";
import { Visits } from "./visits.ts";

/** The request and the answer, as tRPC's adapters for Node, Express and Fastify give them to `createContext`. */
export interface ContextOptions {
  readonly req: IncomingMessage | { readonly raw: IncomingMessage } | Request;
  readonly res?: ServerResponse | { readonly raw: ServerResponse };
}

/** Who is signed in, else the visitor, for `createSessions({ identify })`. */
export interface VisitIdentity {
  readonly owner: string;
  /** When the person last proved who they are, in milliseconds since 1970. A guest has proved nothing. Null for a visitor. */
  readonly provedAt?: number | null;
  readonly level?: AssuranceLevel | undefined;
  /** The only session of a guest. */
  readonly guest?: { readonly session: string; readonly onSessionEnded: () => void };
  /**
   * Calls `end` when the sign-in ends, or with `renew` when a client has to open its stream again; never for a visitor.
   * Gives a function that removes `end`.
   */
  readonly onEnded: (end: (why?: "renew") => void) => () => void;
}

export interface SignIns<Data extends DataDefinitions = DeclaredData> {
  /**
   * The visit of a request of `node:http`. Null if the request was refused: it is answered already.
   *
   * @example
   * const visit = await signIns.node(req, res);
   * if (!visit) return;
   */
  node(req: IncomingMessage, res: ServerResponse): Promise<Visit<Data> | null>;
  /**
   * Answers a request that a visit refused in a route of plain Node, by `requireFresh` for example. False if the error is
   * no {@link VisitError}, or the answer has begun.
   *
   * @example
   * answer(req, res).catch((error) => signIns.refuse(res, error) || fail(res, error));
   */
  refuse(res: ServerResponse, error: unknown): boolean;
  /** A middleware of Express 5, which sets `req.visit`: `app.use(signIns.express())`, after tRPC. */
  express(): ExpressMiddleware;
  /** Answers a request that a visit refused in a route of Express: `app.use(signIns.expressErrors())`, after the routes. */
  expressErrors(): ExpressErrorMiddleware;
  /** A plugin of Fastify 5, which sets `request.visit`: `await app.register(signIns.fastify({ trpc: "/trpc" }))`. */
  fastify(options?: FastifyOptions): FastifyPlugin;
  /** Answers a request that a visit refused in a route of Fastify: `app.setErrorHandler(signIns.fastifyErrors())`. */
  fastifyErrors(): FastifyErrorHandler;
  /**
   * Answers a request of `fetch`, as Hono and Next.js route handlers have it.
   *
   * @example
   * export const POST = (request: Request) => signIns.fetch(request, async (visit) => Response.json(visit.signIn));
   */
  fetch(request: Request, respond: (visit: Visit<Data>) => Response | Promise<Response>): Promise<Response>;
  /**
   * Answers a request of `fetch` to tRPC. tRPC also answers a request that is refused, in its own form.
   *
   * @example
   * const handle = (req: Request) =>
   *   signIns.trpc(req, () => fetchRequestHandler({ req, router, endpoint: "/trpc", createContext: signIns.context }));
   */
  trpc(request: Request, respond: () => Response | Promise<Response>): Promise<Response>;
  /**
   * Who is signed in, from the headers of a request alone, for a server component. It can set no cookie.
   *
   * @throws {VisitError} `superseded`, or `unavailable`.
   */
  read(headers: RequestHeaders): Promise<ReadOnlyVisit<Data>>;
  /** `createContext` of tRPC's adapters for Node, Express and Fastify; inside `trpc` and `fetch`, of the fetch adapter too. */
  context(options: ContextOptions): Promise<{ readonly visit: Visit<Data> }>;
  /**
   * `identify` of `createSessions`, for a context that has a `visit`: who is signed in, else the visitor.
   *
   * @throws {SessionsError} `configuration_invalid` for a visitor, if {@link SignIns.adopts} was not called.
   */
  identify(context: { readonly visit: Visit }): VisitIdentity | null;
  /**
   * Names the sessions that visitors begin. The transaction that signs an owner in gives them to the owner. Call it once
   * when the server starts, with sessions in the same `database` and `schema`. Call it with `activity.adoption` too, if
   * visitors have events.
   *
   * @throws {SessionsError} `configuration_invalid`
   * @example
   * const signIns = createSignIns({ database: pool, visitors: true });
   * const sessions = createSessions({ database: pool, identify: signIns.identify, flows });
   * signIns.adopts(sessions.adoption);
   */
  adopts(part: Adoption): void;
  /** Mount it: `t.router({ signIns: signIns.router })`. */
  readonly router: SignInRouter;
  /** The places in which an owner is signed in, the newest first. */
  list(owner: string, page?: SignInPageRequest): Promise<SignInPage>;
  /** Ends all sign-ins of an owner, after a change of their password for example. Tells how many. */
  endAll(owner: string): Promise<number>;
  /** Ends all sign-ins of all owners. Tells how many. */
  endEverybody(onProgress?: (ended: number) => void): Promise<number>;
  /** What happened to the sign-ins of an owner, the newest first. */
  history(owner: string, page?: ListPageRequest): Promise<ListPage<SignInHistoryItem>>;
  /** Makes the tables, or brings them up to date. Many nodes may call it at once. */
  migrate(): Promise<void>;
  /** @throws {SessionsError} `database_unreachable`, `database_not_migrated` or `database_newer`. */
  check(): Promise<void>;
  /** Moves expired sign-ins to the archive. Tells how many. Any node may. */
  sweep(options?: Parameters<SignInKeeper["sweep"]>[0]): Promise<number>;
  /**
   * Ends the streams of pages, which open them again on another node. Call it at SIGTERM, before `server.close()`, which
   * waits for them. `close` does it too.
   */
  endStreams(): void;
  /** Writes the touches that wait, and stops timers. The database stays open: the application closes it. */
  close(): Promise<void>;
}

/** Sign-ins over a keeper, which is where they are kept. */
export function signInsOver(keeper: SignInKeeper, options: CheckedOptions): SignIns<DataDefinitions> {
  const { now, lifetime, decide } = options;
  const endListeners = new EndListeners(keeper, now);
  const signalDetector = decide && new SignalDetector({ ...options, keeper, decide });
  const visits = new Visits({
    ...options,
    keeper,
    endListeners,
    signalDetector,
    absoluteMs: lifetime.absoluteMs,
    bindsDevices: options.bindingPath !== undefined,
  });
  const streams = new SignInStreams();
  let adoptsSessions = false;
  return {
    node: (req, res) => visits.answeringNode(req, res),
    refuse,
    express: () => expressMiddleware((req, res) => visits.answeringNode(req, res)),
    expressErrors: () => expressErrorMiddleware,
    fastify: (options = {}) => fastifyPlugin((req, res) => visits.ofFastify(req, res), options),
    fastifyErrors: () => fastifyErrorHandler,
    fetch: (request, respond) => visits.ofFetch(request, respond),
    trpc: (request, respond) => visits.ofTRPC(request, respond),
    read: (headers) => visits.ofHeaders(headers),
    context: async ({ req, res }) => ({ visit: await contextVisit(visits, req, res) }),
    identify: (context) => {
      const visit = visitOf(context);
      if (visit.visitor !== null && !adoptsSessions) {
        throw invalid("A visitor came, and nobody would get their sessions. Call `signIns.adopts(sessions.adoption)`.");
      }
      return identityOf(visit);
    },
    adopts: (part) => {
      requireAdoptable(part, options);
      keeper.adopts(part);
      adoptsSessions ||= part.holds === "sessions";
    },
    router: createSignInRouter(options, streams),
    endStreams: () => streams.close(),
    list: async (owner, page) => {
      const { rows, next } = await keeper.list(owner, page);
      return { signIns: rows.map(visitedSignIn), next };
    },
    endAll: (owner) => keeper.endAll(owner),
    endEverybody: (onProgress) => keeper.endEverybody(onProgress),
    history: (owner, page) => keeper.history(owner, page),
    migrate: () => keeper.migrate(),
    check: () => keeper.checkMigrated(),
    sweep: (sweepOptions) => keeper.sweep(sweepOptions),
    close: async () => {
      streams.close();
      endListeners.close();
      await keeper.close();
    },
  };
}

function identityOf(visit: RequestVisit): VisitIdentity | null {
  const { owner, signIn, guest, visitor } = visit;
  if (visitor !== null) return { owner: visitor, provedAt: null, onEnded: () => () => {} };
  const onEnded = (end: () => void) => visit.onEnd(end);
  if (guest) {
    const { session } = guest;
    return { owner: guest.owner, guest: { session, onSessionEnded: () => visit.endGuest() }, onEnded };
  }
  if (owner === null || signIn === null) return null;
  return { owner, provedAt: signIn.provedAt.getTime(), level: signIn.level, onEnded };
}

const invalid = (detail: string) => new SessionsError("configuration_invalid", detail);

/** One transaction signs in and moves the sessions. */
function requireAdoptable(part: Adoption, { hasVisitors, schema, database }: CheckedOptions): void {
  if (!hasVisitors) throw invalid("`signIns.adopts` needs `createSignIns({ visitors: true })`.");
  if (part.schema !== schema) {
    throw invalid(
      `\`signIns.adopts\` got ${part.holds} in the schema "${part.schema}", and the sign-ins are in "${schema}".`,
    );
  }
  if (part.database !== database) {
    throw invalid(`\`signIns.adopts\` got ${part.holds} of another \`database\`. Give both the same object.`);
  }
}

async function contextVisit(
  visits: Visits,
  req: ContextOptions["req"],
  res: ContextOptions["res"],
): Promise<RequestVisit> {
  const [request, response] = ["raw" in req ? req.raw : req, res && "raw" in res ? res.raw : res];
  const opened = visits.opened(request);
  if (opened) return opened;
  if (response === undefined || request instanceof Request) {
    const detail = "`signIns.context` needs a request of Node. In a fetch handler, call it inside `signIns.trpc`.";
    throw new SessionsError("configuration_invalid", detail);
  }
  try {
    return await visits.ofNode(request, response);
  } catch (error) {
    // tRPC takes the status of an error, and not its headers.
    if (error instanceof VisitError && !response.headersSent) {
      for (const [name, value] of Object.entries(error.headers)) response.setHeader(name, value);
    }
    throw error;
  }
}
