import type { Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { PROTOCOL_VERSION, type WatchEvent } from "@sessions/core/internal";
import type { Bus, BusListener, DatabaseKind } from "../../index.ts";
import { adoptSessions, visitorNamed } from "../adopting.ts";
import { cancel, createBank, draft, start, submit, TestClient } from "../bank.ts";

export interface EveryStatementOptions {
  readonly databaseKind: DatabaseKind;
  /** The owner of the sessions. */
  readonly owner: string;
  /** The time at which the statements begin, in milliseconds since 1970. They end four days later. */
  readonly startMs: number;
}

/**
 * Sends every SQL statement that the server has: it calls every procedure, with each kind of command, runs a sweep, opens
 * a stream, and delivers a bus's message to it. Tests record the statements, and look at each one.
 *
 * @example
 * const recording = recordingPool({ connectionString: url });
 * await sendEveryStatement(recording.pool, { engine: "citus", owner: "ada", startMs: Date.now() });
 * for (const { text } of recording.sent) expect(await violations(text, rules)).toEqual([]);
 */
export async function sendEveryStatement(
  pool: Pool,
  { databaseKind, owner, startMs }: EveryStatementOptions,
): Promise<void> {
  let nowMs = startMs;
  let listener: BusListener | undefined;
  const bus: Bus = {
    open: (opened) => {
      listener = opened;
      return () => Promise.resolve();
    },
    publish: () => {},
  };
  const node = createBank(pool, { databaseKind, bus, now: () => nowMs, sweeps: false });
  const ada = new TestClient(node, owner);

  const { session, review } = await ada.untilReview();
  const completed = await ada.one(review);
  if (completed.status !== "accepted") throw new Error("The transfer was not completed.");
  await ada.one(review);
  await ada.caller.receipt({ session, command: review.id });
  const [note, cancelled] = [uuidv7(), uuidv7()];
  await ada.push(start(note, "notes"), submit(note, "left", { text: "l" }), draft(note, "middle", "text", "m", nowMs));
  await ada.push(start(cancelled, "notes"), cancel(cancelled));
  for (const id of [note, session, uuidv7()]) await ada.read(id);
  for (const flow of [null, "notes"]) {
    const { next, now } = await ada.caller.list({ flow, limit: 1, after: null });
    await ada.caller.list({ flow, limit: 10, after: next ?? { endedAt: now, id: note } });
  }

  const controller = new AbortController();
  const caller = node.router.createCaller({ user: owner }, { signal: controller.signal });
  const known = { [session]: 1, [cancelled]: 1 };
  const stream = (await caller.watch({ protocol: PROTOCOL_VERSION, known })) as AsyncIterable<WatchEvent>;
  for await (const _ of stream) {
    listener?.onListeningChange(true);
    listener?.onNotices([note, session].map((id) => ({ kind: "session", owner, session: id, revision: 1_000 })));
    controller.abort();
  }

  const visitor = visitorNamed(`${owner} ${databaseKind}`);
  const stranger = new TestClient(node, visitor);
  await stranger.untilReview();
  const left = uuidv7();
  await stranger.push(start(left, "notes"), cancel(left));
  await adoptSessions(node, visitor, owner);

  nowMs += 4 * 86_400_000;
  await ada.list();
  const other = new TestClient(node, `${owner}'s neighbour`);
  await other.one(start(uuidv7(), "notes"));
  nowMs += 4 * 86_400_000;
  await node.sweep();
  await node.close();
}
