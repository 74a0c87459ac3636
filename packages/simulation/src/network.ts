import type { WatchEvent } from "@sessions/core/internal";
import type { SessionTransport, WatchObserver } from "@sessions/client";
import type { Random } from "../../server/src/testing/random.ts";
import type { Clock } from "./clock.ts";
import { currentProcess } from "./simulated-process.ts";
import type { ServerNode } from "./nodes/node.ts";
import type { Tab } from "./browser/tab.ts";

export interface NetworkOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** The nodes that run, for the load balancer to choose from. */
  readonly nodes: () => readonly ServerNode[];
  /** Called when a request reaches a node. The returned function gets the reply, even if the network loses it. */
  readonly onRequest: (owner: string, procedure: string, request: unknown) => (reply: unknown) => void;
  readonly onWatchEvent: (owner: string, event: WatchEvent) => void;
}

type Procedure = "push" | "read" | "list" | "receipt" | "changes";

/** The network between tabs and nodes. It sends JSON, and delays, repeats or loses it. */
export class Network {
  readonly #options: NetworkOptions;
  readonly #streams = new Set<{ readonly tab: Tab; readonly node: ServerNode; readonly cut: () => void }>();

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  /** Breaks the chosen streams. */
  cut(isCut: (stream: { readonly tab: Tab; readonly node: ServerNode }) => boolean): void {
    for (const stream of this.#streams) if (isCut(stream)) stream.cut();
  }

  transportOf(tab: Tab): SessionTransport {
    const call =
      (name: Procedure) =>
      (request: object): Promise<never> =>
        new Promise((resolve, reject) => this.#call(tab, name, JSON.stringify(request), resolve, reject));
    return {
      push: { mutate: call("push") },
      read: { query: call("read") },
      list: { query: call("list") },
      receipt: { query: call("receipt") },
      changes: { query: call("changes") },
      watch: { subscribe: (request, observer) => this.#watch(tab, JSON.stringify(request), observer) },
    };
  }

  #call(
    tab: Tab,
    name: Procedure,
    request: string,
    resolve: (reply: never) => void,
    reject: (error: Error) => void,
  ): void {
    const { clock, random, onRequest } = this.#options;
    const { conditions } = tab.device;
    const delay = () => random.between(5, conditions.slowestMs);
    const fail = () => clock.after(delay(), () => tab.run(() => reject(new Error("No connection."))));
    if (conditions.away || random.next() < conditions.requestsLost) return void fail();

    const times = random.next() < conditions.duplicated ? 2 : 1;
    for (let time = 0; time < times; time += 1) {
      clock.after(delay(), () => {
        const node = this.#anyNode();
        if (node === undefined) return void fail();
        const onReply = onRequest(tab.owner, name, JSON.parse(request));
        node.run(() => {
          const caller = node.sessions.router.createCaller({ user: tab.owner });
          // One of the procedures, each with its own request, which the server parses.
          const procedure = caller[name] as (input: unknown) => Promise<unknown>;
          procedure(JSON.parse(request)).then(
            (reply) => {
              if (!node.alive) return void fail();
              const text = JSON.stringify(reply);
              onReply(JSON.parse(text));
              const isLost = tab.device.conditions.away || random.next() < conditions.repliesLost;
              if (isLost) return void fail();
              clock.after(delay(), () => tab.run(() => resolve(JSON.parse(text) as never)));
            },
            () => void fail(),
          );
        });
      });
    }
  }

  #watch(tab: Tab, request: string, observer: WatchObserver): { unsubscribe(): void } {
    const { clock, random, onWatchEvent } = this.#options;
    const stop = new AbortController();
    let arrivesMs = clock.nowMs;
    const arrive = (run: () => void) => {
      // A stream keeps its order.
      arrivesMs = Math.max(arrivesMs, clock.nowMs + random.between(5, tab.device.conditions.slowestMs));
      clock.after(arrivesMs - clock.nowMs, () => tab.run(() => stop.signal.aborted || run()));
    };
    const broken = () => arrive(() => observer.onError(new Error("The stream broke.")));

    clock.after(random.between(5, tab.device.conditions.slowestMs), () => {
      const node = this.#anyNode();
      if (stop.signal.aborted) return;
      if (tab.device.conditions.away || node === undefined) return broken();
      const leave = new AbortController();
      const stream = {
        tab,
        node,
        cut: () => {
          this.#streams.delete(stream);
          currentProcess.run(node, () => leave.abort());
          broken();
        },
      };
      this.#streams.add(stream);
      stop.signal.addEventListener("abort", () => {
        this.#streams.delete(stream);
        currentProcess.run(node, () => leave.abort());
      });
      node.run(() => {
        const read = async () => {
          const caller = node.sessions.router.createCaller({ user: tab.owner }, { signal: leave.signal });
          const events = (await caller.watch(JSON.parse(request))) as AsyncIterable<WatchEvent>;
          for await (const event of events) {
            if (leave.signal.aborted || !node.alive) return;
            const text = JSON.stringify(event);
            onWatchEvent(tab.owner, JSON.parse(text));
            arrive(() => observer.onData(JSON.parse(text)));
          }
          if (this.#streams.has(stream)) stream.cut();
        };
        read().catch(() => stream.cut());
      });
    });
    return { unsubscribe: () => stop.abort() };
  }

  #anyNode(): ServerNode | undefined {
    const nodes = this.#options.nodes();
    return nodes.length === 0 ? undefined : this.#options.random.pick(nodes);
  }
}
