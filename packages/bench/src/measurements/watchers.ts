import { fork } from "node:child_process";
import { once } from "node:events";
import { createNode, VirtualUser } from "../servers/application.ts";
import type { DurablePostgres } from "../servers/database.ts";
import type { BenchmarkSize, Measurement, MedianRow } from "../report/result.ts";
import { median } from "../report/statistics.ts";
import { openEventStream, HttpConnection } from "../servers/http-connection.ts";

const FAN_OUTS = 10;
/** How many streams are opened at once. */
const AT_ONCE = 100;
const NO_ID = "00000000-0000-0000-0000-000000000000";
const WATCH = `/sessions.watch?input=${encodeURIComponent(JSON.stringify({ protocol: 1, known: {} }))}`;
const LANE_WATCH = `/lane${WATCH}`;

/** 6: the cost of an idle watcher, and the time that a change takes to reach many. */
export async function measureWatchers(postgres: DurablePostgres, { watchers }: BenchmarkSize): Promise<Measurement> {
  const { pool, url: databaseUrl } = await postgres.create("watchers");
  await createNode(pool).migrate();
  const rows: MedianRow[] = [];
  for (const count of watchers) {
    const server = fork(new URL("../servers/watcher-server.ts", import.meta.url), [databaseUrl], {
      execArgv: ["--conditions=@sessions/source", "--expose-gc"],
    });
    const [origin] = (await once(server, "message")) as [string];
    const memory = async () => {
      server.send("memory");
      return ((await once(server, "message")) as [{ used: number; rss: number }])[0];
    };
    // The first streams load and compile code. Do not count that as their memory.
    await close(
      await open(
        origin,
        AT_ONCE,
        (index) => `early-${index}`,
        () => {},
        WATCH,
      ),
    );
    const taken = async (path: string) => {
      const before = await memory();
      const idle = await open(
        origin,
        count,
        (index) => `idle-${index}`,
        () => {},
        path,
      );
      const after = await memory();
      await close(idle);
      return { used: (after.used - before.used) / count, rss: (after.rss - before.rss) / count };
    };
    const [bare, idle, mine] = [await taken("/bare"), await taken("/idle"), await taken(WATCH)];
    const byLane = await taken(LANE_WATCH);
    const line = (what: string, unit: string, values: readonly number[]) =>
      rows.push({ what, at: count, unit, median: median(values), rounds: values });
    line("memory for each idle watcher, used", "bytes", [mine.used]);
    line("memory for each idle watcher, resident", "bytes", [mine.rss]);
    line("memory for each idle watcher through the lane, used", "bytes", [byLane.used]);
    line("a tRPC subscription that says one word, used", "bytes", [idle.used]);
    line("an event stream of Node's own, used", "bytes", [bare.used]);
    line("news to all of one owner's watchers", "ms", await fanOuts(origin, count, WATCH));
    line("news to all of one owner's watchers through the lane", "ms", await fanOuts(origin, count, LANE_WATCH));
    server.kill();
  }

  const figure = (what: string, at: number) => rows.find((row) => row.what === what && row.at === at)!.median;
  return {
    name: "watchers",
    title: "Watchers",
    how:
      "Streams over HTTP to a node that is alone in its process. Each watcher is another owner's. Memory is the used memory after a " +
      "collection. It includes the sockets, and Node's own request and response. The table also has the memory of tRPC and Node " +
      "alone. The time of news begins with the request of a submission, and ends at the last of one owner's watchers. The process " +
      "that measures it shares the two cores.",
    rows,
    ratios: watchers.flatMap((count) => [
      {
        what: `memory for each idle watcher through the lane, of ${count.toLocaleString("en")}`,
        value: figure("memory for each idle watcher through the lane, used", count) / 1_000,
        unit: "kB",
        target: { atMost: 9 },
      },
      {
        what: `news to ${count.toLocaleString("en")} watchers of one owner through the lane`,
        value: figure("news to all of one owner's watchers through the lane", count),
        unit: "ms",
        target: { atMost: 200 },
      },
    ]),
  };
}

/** Opens streams, and resolves when each has had its first event. */
async function open(
  origin: string,
  count: number,
  ownerOf: (index: number) => string,
  heard: (text: string) => void,
  path: string,
): Promise<readonly (() => void)[]> {
  const ends: (() => void)[] = [];
  for (let from = 0; from < count; from += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, index) => {
      const first = Promise.withResolvers<void>();
      // A text may arrive in two parts. The kept end of a part is too short to hold it whole.
      let rest = "";
      ends.push(
        openEventStream(origin, path, { "x-user": ownerOf(from + index) }, (part) => {
          const text = rest + part;
          if (text.includes('"protocol"')) first.resolve();
          heard(text);
          rest = text.slice(1 - `"command":"${NO_ID}"`.length);
        }),
      );
      return first.promise;
    });
    await Promise.all(some);
  }
  return ends;
}

async function close(ends: readonly (() => void)[]): Promise<void> {
  for (const end of ends) end();
  // The other process needs time to see their end.
  await new Promise((resolve) => setTimeout(resolve, 1_000 + ends.length / 2));
}

async function fanOuts(origin: string, count: number, path: string): Promise<readonly number[]> {
  const user = new VirtualUser(`owner-${count}-${path.length}`);
  const push = (to: HttpConnection, body: object) =>
    to.post("/sessions.push", JSON.stringify(body), { "x-user": user.owner });
  const first = new HttpConnection(origin);
  await push(first, user.begin(Math.ceil(FAN_OUTS / 8) + 1));
  first.close();
  let command = "none yet";
  let left = 0;
  let done = () => {};
  const ends = await open(
    origin,
    count,
    () => user.owner,
    (text) => {
      if (!text.includes(command)) return;
      left -= 1;
      if (left === 0) done();
    },
    path,
  );
  // A new connection: opening the streams takes longer than the server keeps an idle one.
  const connection = new HttpConnection(origin);
  const times: number[] = [];
  for (let sent = 0; sent < FAN_OUTS; sent += 1) {
    const all = Promise.withResolvers<void>();
    const submission = user.submit();
    command = `"command":"${submission.commands[0]!.id}"`;
    left = count;
    done = () => all.resolve();
    const started = performance.now();
    await Promise.all([push(connection, submission), all.promise]);
    times.push(performance.now() - started);
  }
  connection.close();
  await close(ends);
  return times;
}
