import { MAX_COMMANDS } from "@sessions/core/internal";
import { VirtualUser, SUBMITS_PER_SESSION } from "./servers/application.ts";
import { throughput } from "./rounds.ts";
import { HttpConnection } from "./servers/http-connection.ts";

/** A task for the process that makes the load: send requests of one kind for some time. */
export interface LoadRequest {
  readonly kind: "sessions" | "lane" | "noop" | "express";
  readonly url: string;
  readonly callers: number;
  readonly ms: number;
}

/**
 * The most requests per millisecond for which sessions are begun in advance, if all callers were equally fast. Some callers
 * send twice as many as others. Kinds that do not store sessions answer faster, and to begin sessions costs them nothing.
 */
const MAX_REQUESTS_PER_MS = { sessions: 10, lane: 10, noop: 60, express: 60 };

process.on("message", (request: LoadRequest) => {
  run(request).then(
    (rate) => process.send?.(rate),
    (error: unknown) => {
      throw error;
    },
  );
});

async function run({ kind, url, callers, ms }: LoadRequest): Promise<number> {
  const users = Array.from({ length: callers }, (_, index) => new VirtualUser(`load-${Date.now()}-${index}`));
  const connect = () => users.map(() => new HttpConnection(url));
  let connections = connect();
  const cookies: string[] = [];
  const post = (index: number, body: object, path: string) =>
    connections[index]!.post(path, JSON.stringify(body), {
      "x-user": users[index]!.owner,
      cookie: cookies[index] ?? "",
    });

  const submissions = Math.ceil((ms * MAX_REQUESTS_PER_MS[kind]) / callers);
  const prepare = async (user: VirtualUser, index: number) => {
    while (user.submissionsLeft < submissions) {
      const begun = user.begin(Math.min(MAX_COMMANDS, Math.ceil(submissions / SUBMITS_PER_SESSION)));
      if (kind === "sessions" || kind === "lane") await post(index, begun, "/sessions.push");
    }
    if (kind === "express") {
      const answer = await post(index, user.submit(), "/step");
      cookies[index] = /set-cookie: *([^;]+)/i.exec(answer)?.[1] ?? "";
    }
  };
  await Promise.all(users.map(prepare));
  // The server may have closed those of users who waited for the others.
  for (const connection of connections) connection.close();
  connections = connect();

  const path = { sessions: "/sessions.push", lane: "/lane/sessions.push", noop: "/noop", express: "/step" }[kind];
  const rate = await throughput(callers, ms, async (index) => {
    const answer = await post(index, users[index]!.submit(), path);
    if ((kind === "sessions" || kind === "lane") && !answer.includes('"status":"accepted"')) throw new Error(answer);
  });
  for (const connection of connections) connection.close();
  return rate;
}
