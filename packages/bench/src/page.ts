/** Runs in the browser. The page's query names its task. */
import { createStore, get } from "idb-keyval";
import { createSessionsClient, type SessionTransport } from "@sessions/client";
import { advance, PROTOCOL_VERSION, type Command, type Device, type Snapshot } from "@sessions/core/internal";
import { inputs, transfer } from "./servers/flow.ts";

declare global {
  interface Window {
    /** The result: milliseconds, or the place of the stored sessions. */
    taskResult: Promise<unknown>;
  }
}

/** A session in IndexedDB. */
export interface RecordLocation {
  readonly owner: string;
  /** The database's name. */
  readonly database: string;
  readonly session: string;
}

/** A task of a page. */
export type PageTask =
  /** Stores `count` sessions of an owner, and gives the place of one of them. */
  | { readonly kind: "store"; readonly owner: string; readonly count: number }
  /** Measures the time from opening a session to its first snapshot. */
  | ({ readonly kind: "open" } & RecordLocation)
  /** Measures the time to read the same record. */
  | ({ readonly kind: "get" } & RecordLocation);

const task = JSON.parse(decodeURIComponent(location.search.slice(1))) as PageTask;
window.taskResult = { store: storeSessions, open: measureOpen, get: measureGet }[task.kind](task as never);

async function storeSessions({ owner, count }: PageTask & { kind: "store" }): Promise<RecordLocation> {
  const device: Device = { id: crypto.randomUUID(), name: "Chrome on Linux" };
  const snapshots = Array.from({ length: count }, () => beginSession(device));
  const sessions = createSessionsClient({ flows: [transfer], owner, transport: serverOf(snapshots) });
  const last = sessions.open(transfer, snapshots.at(-1)!.id);
  await new Promise<void>((resolve) => {
    const look = () => last.state.status === "active" && resolve();
    last.subscribe(look);
    look();
  });
  // It finishes the writes that have begun.
  sessions.close();
  const all = await indexedDB.databases();
  const { name: database = "" } = all.find(({ name = "" }) => name.includes(owner))!;
  const store = createStore(database, "records");
  // One from the middle of the store.
  const session = snapshots[Math.floor(count / 2)]!.id;
  while ((await get(session, store)) === undefined || (await get(last.id, store)) === undefined);
  return { owner, database, session };
}

function beginSession(device: Device): Snapshot {
  const session = crypto.randomUUID();
  const nowMs = Date.now();
  const id = () => crypto.randomUUID();
  const commands: Command[] = [
    { kind: "start", id: id(), session, flow: transfer.name, version: transfer.version },
    ...(["recipient", "amount", "purpose"] as const).map((step): Command => {
      return { kind: "submit", id: id(), session, version: transfer.version, step, input: inputs[step], seen: {} };
    }),
  ];
  return commands.reduce<Snapshot | null>((snapshot, command) => {
    const advanced = advance(transfer, snapshot, command, { device, nowMs });
    if (!advanced.accepted) throw new Error(advanced.refusal.code);
    return advanced.session;
  }, null)!;
}

/** A server that sends these sessions once, and answers nothing. */
function serverOf(snapshots: readonly Snapshot[]): SessionTransport {
  const now = () => new Date().toISOString();
  const silence = new Promise<never>(() => {});
  return {
    push: { mutate: () => silence },
    read: { query: () => silence },
    list: { query: () => silence },
    receipt: { query: () => silence },
    changes: { query: () => silence },
    watch: {
      subscribe(_request, { onData }) {
        queueMicrotask(() =>
          onData({ protocol: PROTOCOL_VERSION, now: now(), snapshots: [...snapshots], more: false }),
        );
        return { unsubscribe: () => {} };
      },
    },
  };
}

async function measureOpen({ owner, session }: PageTask & { kind: "open" }): Promise<number> {
  const transport = serverOf([]);
  const started = performance.now();
  const sessions = createSessionsClient({ flows: [transfer], owner, transport });
  const opened = sessions.open(transfer, session);
  return new Promise((resolve) => {
    opened.subscribe(() => opened.state.status === "active" && resolve(performance.now() - started));
  });
}

async function measureGet({ database, session }: PageTask & { kind: "get" }): Promise<number> {
  const started = performance.now();
  const record = await get<object>(session, createStore(database, "records"));
  const ms = performance.now() - started;
  if (record === undefined) throw new Error("The record is not there.");
  return ms;
}
