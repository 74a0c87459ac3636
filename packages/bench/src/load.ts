import { MAX_COMMANDS } from "@sessions/core";
import { Person, SUBMITS_PER_SESSION } from "./hosts/application.ts";
import { throughput } from "./rounds.ts";
import { Wire } from "./hosts/raw-http.ts";

/** What the load process is asked for: requests of a kind for a time. */
export interface LoadRequest {
  readonly kind: "sessions" | "noop" | "express";
  readonly url: string;
  readonly callers: number;
  readonly ms: number;
}

/** How many requests a millisecond there can be at most, with sessions begun for each. */
const MOST = 6;

process.on("message", (request: LoadRequest) => {
  run(request).then(
    (rate) => process.send?.(rate),
    (error: unknown) => {
      throw error;
    },
  );
});

async function run({ kind, url, callers, ms }: LoadRequest): Promise<number> {
  const people = Array.from({ length: callers }, (_, index) => new Person(`load-${Date.now()}-${index}`));
  const wires = people.map(() => new Wire(url));
  const cookies: string[] = [];
  const post = (index: number, body: object, path: string) =>
    wires[index]!.post(path, JSON.stringify(body), { "x-user": people[index]!.owner, cookie: cookies[index] ?? "" });

  const room = Math.ceil((ms * MOST) / callers);
  const prepare = async (person: Person, index: number) => {
    while (person.room < room) {
      const begun = person.begin(Math.min(MAX_COMMANDS, Math.ceil(room / SUBMITS_PER_SESSION)));
      if (kind === "sessions") await post(index, begun, "/sessions.push");
    }
    if (kind === "express") {
      const answer = await post(index, person.submit(), "/step");
      cookies[index] = /set-cookie: *([^;]+)/i.exec(answer)?.[1] ?? "";
    }
  };
  await Promise.all(people.map(prepare));

  const path = { sessions: "/sessions.push", noop: "/noop", express: "/step" }[kind];
  const rate = await throughput(callers, ms, async (index) => {
    const answer = await post(index, people[index]!.submit(), path);
    if (kind === "sessions" && !answer.includes('"outcome":"accepted"')) throw new Error(answer);
  });
  for (const wire of wires) wire.close();
  return rate;
}
