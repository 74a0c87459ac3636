import { throughput } from "./rounds.ts";
import { HttpConnection } from "./servers/http-connection.ts";

/** A task for the process that makes the load: ask who is signed in, for some time. */
export interface CookieLoadRequest {
  readonly url: string;
  readonly cookies: readonly string[];
  readonly callers: number;
  readonly ms: number;
}

process.on("message", (request: CookieLoadRequest) => {
  run(request).then(
    (rate) => process.send?.(rate),
    (error: unknown) => {
      throw error;
    },
  );
});

async function run({ url, cookies, callers, ms }: CookieLoadRequest): Promise<number> {
  const connections = Array.from({ length: callers }, () => new HttpConnection(url));
  let next = 0;
  const rate = await throughput(callers, ms, async (caller) => {
    const answer = await connections[caller]!.get("/", { cookie: cookies[(next = (next + 1) % cookies.length)]! });
    if (!answer.includes("person-")) throw new Error(answer);
  });
  for (const connection of connections) connection.close();
  return rate;
}
