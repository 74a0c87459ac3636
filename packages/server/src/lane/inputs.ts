import { TRPCError } from "@trpc/server";
import { readBody, type Request } from "./body.ts";
import type { Calls } from "./calls.ts";

export interface InputsOptions {
  readonly request: Request;
  readonly calls: Calls;
  readonly maxBodySize: number;
  /** Reads an input as the application's transformer wrote it. */
  readonly deserialize: (json: unknown) => unknown;
}

/** The inputs of a request's calls. They are read when the first call asks for its own. */
export class Inputs {
  readonly #options: InputsOptions;
  #reading: Promise<readonly unknown[]> | undefined;
  #read: readonly unknown[] = [];

  constructor(options: InputsOptions) {
    this.#options = options;
  }

  /** @throws {TRPCError} `BAD_REQUEST` for an input that cannot be read; `PAYLOAD_TOO_LARGE`. */
  async of(index: number): Promise<unknown> {
    this.#read = await (this.#reading ??= this.#readAll());
    return this.#read[index];
  }

  /** An input that was read; undefined if none was. */
  known(index: number): unknown {
    return this.#read[index];
  }

  async #readAll(): Promise<readonly unknown[]> {
    const { request, calls, maxBodySize, deserialize } = this.#options;
    try {
      const text = calls.type === "mutation" ? await readBody(request, maxBodySize) : calls.input;
      const json: unknown = text ? JSON.parse(text) : undefined;
      if (json === undefined) return [];
      if (!calls.isBatch) return [deserialize(json)];
      if (typeof json !== "object" || json === null || Array.isArray(json)) {
        throw new TRPCError({
          code: "BAD_REQUEST",
          message: '"input" needs to be an object when doing a batch call',
        });
      }
      const given = json as Readonly<Record<number, unknown>>;
      return calls.procedures.map((_, index) => (given[index] === undefined ? undefined : deserialize(given[index])));
    } catch (cause) {
      if (cause instanceof TRPCError) throw cause;
      const message = cause instanceof Error ? cause.message : "Invalid input";
      throw new TRPCError({ code: "BAD_REQUEST", message, cause });
    }
  }
}
