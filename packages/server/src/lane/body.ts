import type { IncomingMessage } from "node:http";
import { TRPCError } from "@trpc/server";

/** A request whose body a host may have read. */
export type Request = IncomingMessage & { body?: unknown };

/**
 * The text of a request's body. The request keeps it, so that another handler can still answer. Empty if it was read
 * before, and the host has kept nothing of it.
 *
 * @throws {TRPCError} `PAYLOAD_TOO_LARGE`, above `maxBytes`; `CLIENT_CLOSED_REQUEST` if the client leaves before its end.
 */
export async function readBody(request: Request, maxBytes: number): Promise<string> {
  if (typeof request.body === "string") return request.body;
  if (request.body !== undefined) return JSON.stringify(request.body);
  if (request.readableEnded) return "";
  const body = await readAll(request, maxBytes);
  request.body = body;
  return body;
}

function readAll(request: Request, maxBytes: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= maxBytes) chunks.push(chunk);
    else reject(new TRPCError({ code: "PAYLOAD_TOO_LARGE" }));
  });
  request.on("end", () => resolve((chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString("utf8")));
  request.on("close", () => reject(new TRPCError({ code: "CLIENT_CLOSED_REQUEST" })));
  return promise;
}
