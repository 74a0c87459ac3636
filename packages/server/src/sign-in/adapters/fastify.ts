import type { IncomingMessage, ServerResponse } from "node:http";
import type { EndpointAnswer } from "../visit/binding-endpoint.ts";
import type { Visit } from "../visit/visit.ts";
import { refusalOf, VisitError } from "../visit/exchange/visit-error.ts";

interface FastifyRequest {
  readonly raw: IncomingMessage;
}

interface FastifyReply {
  readonly raw: ServerResponse;
  code(status: number): unknown;
  headers(headers: Readonly<Record<string, string>>): unknown;
  send(body: string): unknown;
}

/** The part of a Fastify instance that the plugin uses. */
interface FastifyInstance {
  decorateRequest(name: "visit", value: null): unknown;
  addHook(name: "onRequest", hook: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>): unknown;
}

/** An error handler of Fastify 5. */
export type FastifyErrorHandler = (error: unknown, request: FastifyRequest, reply: FastifyReply) => unknown;

/** Answers a request that a visit refuses in a route, and leaves other errors to the handler around it. */
export const fastifyErrorHandler: FastifyErrorHandler = (error, _request, reply) => answerRefused(error, reply);

function answerRefused(error: unknown, reply: FastifyReply): unknown {
  if (!(error instanceof VisitError)) throw error;
  const { status, headers, body } = refusalOf(error);
  reply.code(status);
  reply.headers(headers);
  return reply.send(body);
}

/** A plugin of Fastify 5. */
export type FastifyPlugin = (instance: FastifyInstance) => Promise<void>;

export interface FastifyOptions {
  /** The `prefix` of tRPC. tRPC opens the visit of its requests by itself, and answers those that are refused. */
  readonly trpc?: string;
}

/** Sets `request.visit` for every route of the instance but tRPC's. A request that is refused reaches no route. */
export function fastifyPlugin(
  open: (req: IncomingMessage, res: ServerResponse) => Promise<Visit | EndpointAnswer>,
  { trpc }: FastifyOptions,
): FastifyPlugin {
  const plugin: FastifyPlugin = async (instance) => {
    instance.decorateRequest("visit", null);
    instance.addHook("onRequest", async (request, reply) => {
      if (trpc !== undefined && request.raw.url?.startsWith(`${trpc}/`)) return undefined;
      try {
        const opened = await open(request.raw, reply.raw);
        if (!("status" in opened)) return void Object.assign(request, { visit: opened });
        reply.code(opened.status);
        reply.headers(opened.headers);
        return reply.send(opened.body);
      } catch (error) {
        return answerRefused(error, reply);
      }
    });
  };
  // Without it, Fastify would keep the hook from the routes of the instance that registers the plugin.
  return Object.assign(plugin, {
    [Symbol.for("skip-override")]: true,
    [Symbol.for("fastify.display-name")]: "sign-ins",
  });
}
