import { expect } from "vitest";
import { PROTOCOL_VERSION, type Snapshot, type WatchEvent } from "@sessions/core/internal";
import type { Sessions } from "../index.ts";

/** Collects every snapshot that a node sends to a watcher, in order. Resolves when the stream has begun. */
export async function watching(on: Sessions, owner: string) {
  const controller = new AbortController();
  const caller = on.router.createCaller({ user: owner }, { signal: controller.signal });
  const stream = (await caller.watch({ protocol: PROTOCOL_VERSION, known: {} })) as AsyncIterable<WatchEvent>;
  const seen: Snapshot[] = [];
  let wake = () => {};
  const first = Promise.withResolvers<void>();
  const ended = (async () => {
    for await (const { snapshots } of stream) {
      seen.push(...snapshots);
      first.resolve();
      wake();
    }
  })();
  // A stream that is refused has no first event.
  await Promise.race([first.promise, ended]);
  return {
    seen,
    /** Resolves when the stream has ended by itself. */
    ended,
    /** Resolves when this revision has come. No newer one may come before it. */
    async reach(revision: number) {
      while ((seen.at(-1)?.revision ?? 0) < revision) await new Promise<void>((resolve) => (wake = resolve));
      const revisions = seen.map((snapshot) => snapshot.revision);
      expect(revisions).toEqual(revisions.toSorted((a, b) => a - b));
    },
    async stop() {
      controller.abort();
      await ended;
    },
  };
}
