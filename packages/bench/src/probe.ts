import { MAX_COMMANDS } from "@sessions/core";
import { Person } from "./hosts/application.ts";
import { latency } from "./rounds.ts";
import { listen, Wire } from "./hosts/raw-http.ts";

/** Two devices of one owner: what one sends to an address, the other hears at another. */
export interface Probe {
  readonly kind: "sessions" | "relay";
  readonly from: string;
  readonly to: string;
  readonly ms: number;
}

process.on("message", (probe: Probe) => {
  run(probe).then(
    (time) => process.send?.(time),
    (error: unknown) => {
      throw error;
    },
  );
});

/** The median time, in milliseconds. */
async function run({ kind, from, to, ms }: Probe): Promise<number> {
  const person = new Person(`probe-${Date.now()}`);
  const headers = { "x-user": person.owner };
  const wire = new Wire(from);
  const path = kind === "sessions" ? "/sessions.push" : "/";
  while (person.room < ms * 5) {
    const begun = person.begin(MAX_COMMANDS);
    if (kind === "sessions") await wire.post(path, JSON.stringify(begun), headers);
  }

  let awaited = "HTTP/1.1 200";
  let heard = Promise.withResolvers<void>();
  let text = "";
  const watch = `/sessions.watch?input=${encodeURIComponent(JSON.stringify({ protocol: 1, known: {} }))}`;
  const end = listen(to, kind === "sessions" ? watch : "/", headers, (part) => {
    text += part;
    if (text.includes(awaited)) heard.resolve();
  });
  await heard.promise;
  // The first event, with all that was begun, must have come.
  if (kind === "sessions") {
    awaited = '"protocol"';
    heard = Promise.withResolvers();
    if (text.includes(awaited)) heard.resolve();
    await heard.promise;
  }

  const time = await latency(ms, async () => {
    if (person.room === 0) throw new Error("Too few sessions were begun.");
    const submission = person.submit();
    text = "";
    awaited = submission.commands[0]!.id;
    heard = Promise.withResolvers();
    await Promise.all([wire.post(path, JSON.stringify(submission), headers), heard.promise]);
  });
  end();
  wire.close();
  return time / 1_000;
}
