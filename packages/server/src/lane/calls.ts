import type { IncomingMessage } from "node:http";
import type { AnyTRPCProcedure, AnyTRPCRouter } from "@trpc/server";

/** The procedures that the lane answers, by their paths. */
export type Procedures = ReadonlyMap<string, AnyTRPCProcedure>;

/** The calls of one request, before its body is read. */
export interface Calls {
  readonly type: AnyTRPCProcedure["_def"]["type"];
  readonly isBatch: boolean;
  readonly procedures: readonly { readonly path: string; readonly procedure: AnyTRPCProcedure }[];
  /** The value of `?input=`; null without one. */
  readonly input: string | null;
}

/** The procedures of `part` under the paths that they have in `whole`. */
export function proceduresOf(whole: AnyTRPCRouter, part: AnyTRPCRouter): Procedures {
  const known = new Set<unknown>(Object.values(part._def.procedures));
  const all = Object.entries(whole._def.procedures as Record<string, AnyTRPCProcedure>);
  return new Map(all.filter(([, procedure]) => known.has(procedure)));
}

const METHODS = { mutation: "POST", query: "GET", subscription: "GET" } as const;

/**
 * The calls of a request that the lane answers. Undefined if it asks for anything else, or in any other form than the
 * clients of tRPC do: tRPC answers that.
 */
export function callsOf(
  { url = "", method, headers }: IncomingMessage,
  procedures: Procedures,
  maxBatchSize: number,
): Calls | undefined {
  const [pathname = "", search = ""] = url.split("?", 2);
  const names = pathname.slice(pathname.lastIndexOf("/") + 1);
  const parameters = new URLSearchParams(search);
  const isBatch = parameters.get("batch") === "1";
  const found = (isBatch ? names.split(",") : [names]).map((path) => ({ path, procedure: procedures.get(path) }));
  if (!found.every(isKnown)) return undefined;
  const { type } = found[0]!.procedure._def;
  const isOneType = found.every(({ procedure }) => procedure._def.type === type);
  const isUsual =
    isOneType &&
    found.length <= maxBatchSize &&
    method === METHODS[type] &&
    !(isBatch && type === "subscription") &&
    [...parameters.keys()].every((name) => name === "batch" || name === "input") &&
    headers["trpc-accept"] === undefined &&
    headers["last-event-id"] === undefined &&
    headers.accept?.includes("application/jsonl") !== true &&
    (method === "GET" || isJson(headers["content-type"]));
  return isUsual ? { type, isBatch, procedures: found, input: parameters.get("input") } : undefined;
}

function isKnown(call: {
  readonly path: string;
  readonly procedure: AnyTRPCProcedure | undefined;
}): call is Calls["procedures"][number] {
  return call.procedure !== undefined;
}

function isJson(contentType: string | undefined): boolean {
  return contentType?.split(";", 1)[0]?.trim().toLowerCase() === "application/json";
}
