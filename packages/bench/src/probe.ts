import { MAX_COMMANDS } from "@sessions/core/internal";
import { VirtualUser } from "./servers/application.ts";
import { latency } from "./rounds.ts";
import { openEventStream, HttpConnection } from "./servers/http-connection.ts";

/** Two devices of one owner. One sends to `from`, and the other listens at `to`. */
export interface ProbeRequest {
  readonly kind: "sessions" | "lane" | "relay";
  readonly from: string;
  readonly to: string;
  readonly ms: number;
}

process.on("message", (probe: ProbeRequest) => {
  run(probe).then(
    (time) => process.send?.(time),
    (error: unknown) => {
      throw error;
    },
  );
});

/** The median time, in milliseconds. */
async function run({ kind, from, to, ms }: ProbeRequest): Promise<number> {
  const user = new VirtualUser(`probe-${Date.now()}`);
  const headers = { "x-user": user.owner };
  const connection = new HttpConnection(from);
  const isRelay = kind === "relay";
  const base = kind === "lane" ? "/lane" : "";
  const path = isRelay ? "/" : `${base}/sessions.push`;
  while (user.submissionsLeft < ms * 5) {
    const begun = user.begin(MAX_COMMANDS);
    if (!isRelay) await connection.post(path, JSON.stringify(begun), headers);
  }

  let awaited = "HTTP/1.1 200";
  let heard = Promise.withResolvers<void>();
  let text = "";
  const watch = `${base}/sessions.watch?input=${encodeURIComponent(JSON.stringify({ protocol: 1, known: {} }))}`;
  const end = openEventStream(to, isRelay ? "/" : watch, headers, (part) => {
    text += part;
    if (text.includes(awaited)) heard.resolve();
  });
  await heard.promise;
  // Wait for the first event. It has all sessions that were begun.
  if (!isRelay) {
    awaited = '"protocol"';
    heard = Promise.withResolvers();
    if (text.includes(awaited)) heard.resolve();
    await heard.promise;
  }

  const time = await latency(ms, async () => {
    if (user.submissionsLeft === 0) throw new Error("Too few sessions were begun.");
    const submission = user.submit();
    text = "";
    awaited = submission.commands[0]!.id;
    heard = Promise.withResolvers();
    await Promise.all([connection.post(path, JSON.stringify(submission), headers), heard.promise]);
  });
  end();
  connection.close();
  return time / 1_000;
}
