import type { ServerResponse } from "node:http";
import type { TRPCRequestInfo } from "@trpc/server/http";
import type { Request } from "./body.ts";
import type { Calls } from "./calls.ts";
import type { Inputs } from "./inputs.ts";

/** What tRPC tells `createContext` of a request. What few applications read is made when it is read. */
export class RequestInfo implements TRPCRequestInfo {
  readonly accept = null;
  readonly connectionParams = null;
  readonly type: Calls["type"];
  readonly isBatchCall: boolean;
  readonly #request: Request;
  readonly #response: ServerResponse;
  readonly #calls: Calls;
  readonly #inputs: Inputs;
  #aborted: AbortController | undefined;

  constructor(request: Request, response: ServerResponse, calls: Calls, inputs: Inputs) {
    this.type = calls.type;
    this.isBatchCall = calls.isBatch;
    this.#request = request;
    this.#response = response;
    this.#calls = calls;
    this.#inputs = inputs;
  }

  get calls(): TRPCRequestInfo["calls"] {
    return this.#calls.procedures.map(({ path, procedure }, batchIndex) => ({
      batchIndex,
      path,
      procedure,
      getRawInput: () => this.#inputs.of(batchIndex),
      result: () => this.#inputs.known(batchIndex),
    }));
  }

  get url(): URL {
    const { headers, url = "", socket } = this.#request;
    return new URL(url, `${"encrypted" in socket ? "https" : "http"}://${headers.host ?? "localhost"}`);
  }

  /** Aborts when the client leaves before its answer. */
  get signal(): AbortSignal {
    if (this.#aborted === undefined) {
      const aborted = (this.#aborted = new AbortController());
      this.#response.once("close", () => {
        if (!this.#response.writableEnded) aborted.abort();
      });
    }
    return this.#aborted.signal;
  }
}
