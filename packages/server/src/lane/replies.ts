import type { ServerResponse } from "node:http";
import { getErrorShape, transformTRPCResponse, type AnyTRPCRouter, type TRPCError } from "@trpc/server";
import { getHTTPStatusCode } from "@trpc/server/http";

type Reply = Parameters<typeof getHTTPStatusCode>[0];
type One = Exclude<Reply, readonly unknown[]>;

/** Where an error came from, as an application's `errorFormatter` is told. */
export interface ErrorSource {
  readonly type: "query" | "mutation" | "subscription";
  readonly path: string | undefined;
  readonly input: unknown;
  readonly ctx: object | undefined;
}

/** The wire form of tRPC's replies, by the configuration of the application's router. */
export class Replies {
  readonly #config: AnyTRPCRouter["_def"]["_config"];

  constructor(router: AnyTRPCRouter) {
    this.#config = router._def._config;
  }

  readInput(json: unknown): unknown {
    return this.#config.transformer.input.deserialize(json);
  }

  /** The text of a value that a procedure gave. @throws An error of the application's transformer. */
  encode(value: unknown): string {
    return JSON.stringify(this.#config.transformer.output.serialize(value));
  }

  errorOf(error: TRPCError, source: ErrorSource): Extract<One, { error: unknown }> {
    return { error: getErrorShape({ config: this.#config, error, ...source }) };
  }

  /** @throws An error of the application's transformer. */
  textOf(reply: Reply): string {
    return JSON.stringify(transformTRPCResponse(this.#config, reply));
  }
}

/** Sends a reply. The status that the application has set stays. */
export function sendReply(
  response: ServerResponse,
  reply: Reply,
  text: string,
  errors: readonly (TRPCError | undefined)[],
): void {
  if (response.statusCode === 200) response.statusCode = getHTTPStatusCode(reply, errors);
  response.setHeader("vary", "trpc-accept, accept");
  response.end(text);
}
