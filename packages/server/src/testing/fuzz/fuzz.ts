import { request } from "node:http";
import fc from "fast-check";
import { v7 as uuidv7 } from "uuid";
import type { SessionsError } from "@sessions/core";
import { defaultBounds } from "../../flows/configuration/bounds.ts";
import { createBank, start, TestClient } from "../bank.ts";
import { adapters, createPlainHost } from "../host.ts";
import { sent, type Sent } from "./requests.ts";

export interface FuzzOptions {
  readonly database: Parameters<typeof createBank>[0];
  /** The number of requests, and the time in milliseconds after which no more are sent. */
  readonly runs: number;
  readonly forMs: number;
  readonly seed: number;
}

/** The most calls in one batch of the fuzzer. */
const MAX_CALLS = 8;
const MAX_REPLY = defaultBounds.pageBytes + 100_000;

/**
 * Sends invalid requests to a real router over HTTP, made from a seed. The schema or a refusal must answer each one: no
 * 5xx, no fault, no `failed`, no reply above its bound. Another owner must be served as before. Throws the first breach.
 *
 * @example
 * await fuzz({ database: pool, runs: 300, forMs: 10_000, seed: 1 });
 */
export async function fuzz({
  database,
  runs,
  forMs,
  seed,
}: FuzzOptions): Promise<{ readonly statuses: Map<number, number> }> {
  const faults: SessionsError[] = [];
  const node = createBank(database, { onError: (fault) => faults.push(fault), sweeps: false });
  const { url, stop } = await adapters["standalone"]!(createPlainHost(node));
  const other = new TestClient(node, "another owner");
  const session = uuidv7();
  await other.one(start(session, "notes"));
  const theirs = JSON.stringify(await other.read(session));
  const statuses = new Map<number, number>();

  let count = 0;
  const one = async (given: Sent) => {
    count += 1;
    const { status, text } = await answer(url, given);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    const calls = given.path.split("?")[0]!.split(",").length;
    const wrong = [
      status >= 500 && `status ${status}: ${text.slice(0, 300)}`,
      /"httpStatus":5\d\d/.test(text) && `a fault: ${text.slice(0, 300)}`,
      text.includes('"code":"failed"') && "a command failed",
      text.length > Math.min(calls, MAX_CALLS) * MAX_REPLY && `a reply of ${text.length} bytes`,
      faults.length > 0 && `reported: ${faults.map((fault) => `${fault.message} ${String(fault.cause)}`).join("; ")}`,
      count % 10 === 0 && JSON.stringify(await other.read(session)) !== theirs && "another owner's session changed",
    ].filter((each) => each !== false);
    faults.length = 0;
    if (wrong.length > 0) throw new Error(wrong.join("; "));
  };
  try {
    await fc.assert(fc.asyncProperty(sent, one), { numRuns: runs, seed, interruptAfterTimeLimit: forMs });
  } finally {
    await stop();
    await node.close();
  }
  return { statuses };
}

/** Reads the reply, or the first event of a stream. */
function answer(url: string, { method, path, headers, body }: Sent): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(
      `${url}/${path}`,
      { method, agent: false, headers: { ...headers, "x-user": "ada" } },
      (response) => {
        let text = "";
        const done = () => {
          resolve({ status: response.statusCode!, text });
          response.destroy();
        };
        response.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
          const isStream = response.headers["content-type"]?.includes("event-stream");
          if (isStream && /^data: .*"protocol"/m.test(text)) done();
        });
        response.on("end", done).on("error", reject);
      },
    );
    asked.on("error", reject);
    asked.end(body);
  });
}
