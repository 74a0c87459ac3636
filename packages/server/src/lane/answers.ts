import type { ServerResponse } from "node:http";
import { getTRPCErrorFromUnknown, type AnyTRPCRouter, type TRPCError } from "@trpc/server";
import type { TRPCRequestInfo } from "@trpc/server/http";
import { Events } from "../streams/events.ts";
import type { Request } from "./body.ts";
import type { Calls } from "./calls.ts";
import { EventStreams } from "./event-streams.ts";
import { Inputs } from "./inputs.ts";
import { RequestInfo } from "./request-info.ts";
import { Replies, sendReply, type ErrorSource } from "./replies.ts";

/** What `createContext` is told of a request, as by tRPC's own handlers. */
export interface LaneContextOptions {
  readonly req: Request;
  readonly res: ServerResponse;
  readonly info: TRPCRequestInfo;
}

/** An error, as `onError` is told it, as by tRPC's own handlers. */
export interface LaneError extends ErrorSource {
  readonly error: TRPCError;
  readonly req: Request;
}

export interface AnswersOptions {
  /** The application's router. The answers have its form: its transformer, its `errorFormatter` and its `sse` options. */
  readonly router: AnyTRPCRouter;
  /** Makes the context of a request, as for tRPC's own handler. */
  createContext(options: LaneContextOptions): object | Promise<object>;
  /** Called with each error, as for tRPC's own handler. */
  onError?(error: LaneError): void;
  /** The largest body of a request, in bytes, as for tRPC's own handler. Default 16 MiB. */
  readonly maxBodySize?: number;
}

const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** One request, and what is known of it so far. */
interface Exchange {
  readonly request: Request;
  readonly response: ServerResponse;
  readonly calls: Calls;
  readonly inputs: Inputs;
  /** Undefined if `createContext` threw. */
  ctx?: object;
  contextError?: unknown;
}

interface Called {
  readonly data?: unknown;
  readonly error?: TRPCError;
}

/** An error that has no form. */
const UNFORMATTED = {
  error: {
    code: -32_603,
    message: "Internal server error",
    data: { code: "INTERNAL_SERVER_ERROR", httpStatus: 500 },
  },
} as const;

/** Answers requests as tRPC's own handler does. */
export class Answers {
  readonly #options: AnswersOptions;
  readonly #replies: Replies;
  readonly #streams: EventStreams<Exchange>;

  constructor(options: AnswersOptions) {
    this.#options = options;
    this.#replies = new Replies(options.router);
    this.#streams = new EventStreams({
      router: options.router,
      encode: (event) => this.#replies.encode(event),
      errorText: (exchange, failure) => this.#streamErrorText(exchange, failure),
    });
  }

  /** Resolves when the answer was given, or its stream has begun. */
  async answer(request: Request, response: ServerResponse, calls: Calls): Promise<void> {
    const { maxBodySize = MAX_BODY_BYTES } = this.#options;
    const deserialize = (json: unknown) => this.#replies.readInput(json);
    const exchange: Exchange = {
      request,
      response,
      calls,
      inputs: new Inputs({ request, calls, maxBodySize, deserialize }),
    };
    await this.#createContext(exchange);
    await (calls.type === "subscription" ? this.#openStream(exchange) : this.#reply(exchange));
  }

  async #createContext(exchange: Exchange): Promise<void> {
    const { request, response, calls, inputs } = exchange;
    const info = new RequestInfo(request, response, calls, inputs);
    try {
      exchange.ctx = await this.#options.createContext({ req: request, res: response, info });
    } catch (error) {
      // Each call fails with it.
      exchange.contextError = error;
    }
  }

  async #reply(exchange: Exchange): Promise<void> {
    const { response, calls } = exchange;
    try {
      const called = await Promise.all(calls.procedures.map((_, index) => this.#call(exchange, index)));
      const replies = called.map(({ error, data }, index) =>
        error ? this.#replies.errorOf(error, this.#sourceOf(exchange, index)) : { result: { data } },
      );
      const reply = calls.isBatch ? replies : replies[0]!;
      response.setHeader("content-type", "application/json");
      const errors = called.map(({ error }) => error);
      sendReply(response, reply, this.#replies.textOf(reply), errors);
    } catch (error) {
      // The application's transformer, `errorFormatter` or `onError` threw.
      this.#failAll(exchange, getTRPCErrorFromUnknown(error));
    }
  }

  async #openStream(exchange: Exchange): Promise<void> {
    let called: Called;
    try {
      called = await this.#call(exchange, 0);
    } catch (error) {
      // The application's `onError` threw.
      return this.#failAll(exchange, getTRPCErrorFromUnknown(error));
    }
    this.#streams.open(
      exchange.response,
      called.error ? failing(called.error) : (called.data as Events<unknown>),
      exchange,
    );
  }

  /** Encodes the error with which a stream ends. @throws An error of the application's own form of errors. */
  #streamErrorText(exchange: Exchange, failure: TRPCError): string {
    this.#tell(exchange, failure, 0);
    return this.#replies.encode(this.#replies.errorOf(failure, this.#sourceOf(exchange, 0)).error);
  }

  async #call(exchange: Exchange, batchIndex: number): Promise<Called> {
    const { calls, inputs, ctx, contextError } = exchange;
    const { path, procedure } = calls.procedures[batchIndex]!;
    try {
      if (contextError !== undefined) throw contextError;
      // A procedure's type leaves out how tRPC calls it.
      const call = procedure as unknown as (options: object) => Promise<unknown>;
      const getRawInput = () => inputs.of(batchIndex);
      return { data: await call({ path, getRawInput, ctx, type: calls.type, signal: undefined, batchIndex }) };
    } catch (cause) {
      const error = getTRPCErrorFromUnknown(cause);
      this.#tell(exchange, error, batchIndex);
      return { error };
    }
  }

  /** The whole request failed: nothing was called, or no reply can be written. */
  #failAll(exchange: Exchange, error: TRPCError): void {
    const { response } = exchange;
    try {
      this.#tell(exchange, error);
      const reply = this.#replies.errorOf(error, this.#sourceOf(exchange));
      sendReply(response, reply, this.#replies.textOf(reply), [error]);
    } catch {
      // The application's own form of errors threw. What it would have hidden is not sent.
      response.statusCode = 500;
      response.end(this.#replies.textOf(UNFORMATTED));
    }
  }

  #sourceOf({ calls, inputs, ctx }: Exchange, index?: number): ErrorSource {
    const of = index === undefined ? undefined : { path: calls.procedures[index]!.path, input: inputs.known(index) };
    return { type: calls.type, path: of?.path, input: of?.input, ctx };
  }

  #tell(exchange: Exchange, error: TRPCError, index?: number): void {
    this.#options.onError?.({ error, ...this.#sourceOf(exchange, index), req: exchange.request });
  }
}

/** A stream that fails before its first event. */
function failing(error: TRPCError): Events<never> {
  return new Events((sink) => ({ next: () => sink.end(error), leave: () => {} }));
}
