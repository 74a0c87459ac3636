import { MAX_COMMANDS, type AnyFlow, type Command, type Device, type Drafts } from "@sessions/core";
import { backoffMs, type Environment } from "./environment.ts";
import type { Link } from "./link.ts";
import { answered, busyMsOf } from "./settling.ts";
import { emptyRecord } from "./record.ts";
import type { Server } from "./server.ts";
import type { Store } from "./store.ts";

/** How long to leave alone what needs another version of client or server, in milliseconds. */
const OUTDATED_MS = 60_000;

/** How much one push may weigh, in characters of JSON: hosts limit the bodies that they read. */
const MAX_PUSH_LENGTH = 200_000;

export interface PusherOptions {
  readonly flows: ReadonlyMap<string, AnyFlow>;
  readonly store: Store;
  readonly server: Server;
  readonly link: Link;
  readonly environment: Environment;
  readonly device: () => Device;
  /** Whether it is this tab's turn. */
  readonly leads: () => boolean;
  /** Nothing is left to send, by which it would be heard whether the server is there again. */
  readonly onUnheard: () => void;
}

/** Sends what is local to the server, one push at a time, until nothing is left. */
export interface Pusher {
  /** There is something to send. While a retry is due anyway, that one takes it along. */
  wake(drafts: boolean): void;
  /** The connection may be back: tries at once whatever failed before. */
  retry(): void;
  close(): void;
}

interface Parcel {
  readonly commands: Command[];
  /** The drafts among them, by session and command id. */
  readonly drafts: Map<string, Map<string, { readonly step: string; readonly slots: Drafts[string] }>>;
}

export function createPusher({
  flows,
  store,
  server,
  link,
  environment,
  device,
  leads,
  onUnheard,
}: PusherOptions): Pusher {
  const outdated = new Set<string>();
  // The server is ahead of this page: whatever it took, only another page can be told.
  const ahead = new Set<string>();
  // One of them may be what the server fails on: each is sent by itself, after all others, until it gets through.
  const suspects = new Set<string>();
  let cancelOutdated: (() => void) | undefined;
  let cancelRetry: (() => void) | undefined;
  let failures = 0;
  let running = false;
  let draftsWanted = false;
  let closed = false;

  function wake(drafts: boolean): void {
    draftsWanted ||= drafts;
    if (!running && cancelRetry === undefined && !link.state.signedOut) void run();
  }

  async function run(): Promise<void> {
    running = true;
    try {
      while (!closed && store.loaded && leads()) {
        const clear = collect(false);
        const parcel = clear.commands.length > 0 ? clear : collect(true);
        if (parcel.commands.length === 0 && !link.state.up) onUnheard();
        if (parcel.commands.length === 0 || !(await push(parcel))) break;
      }
    } finally {
      running = false;
    }
  }

  /** In order: each session's commands, then its drafts, since a draft may need the start before it. */
  function collect(suspected: boolean): Parcel {
    const parcel: Parcel = { commands: [], drafts: new Map() };
    const withDrafts = draftsWanted;
    draftsWanted = withDrafts && suspects.size > 0;
    let length = 0;

    function put(command: Command): boolean {
      length += JSON.stringify(command).length;
      const { commands } = parcel;
      const full = commands.length >= MAX_COMMANDS || (commands.length > 0 && length > MAX_PUSH_LENGTH);
      if (!full) commands.push(command);
      else draftsWanted ||= withDrafts;
      return !full;
    }

    for (const session of suspected ? suspects : store.records.keys()) {
      const { flow: name, version, snapshot, pending, drafts } = store.records.get(session) ?? emptyRecord;
      if (suspected ? parcel.commands.length > 0 : suspects.has(session)) continue;
      // What is of another version, a tab of that version sends.
      if (version !== flows.get(name)?.version || outdated.has(session) || ahead.has(session)) continue;
      if (!pending.every(({ command }) => put(command))) return parcel;
      // It may be a draft that the server fails on.
      if (!withDrafts || (suspected && pending.length > 0)) continue;
      const sent = new Map();
      parcel.drafts.set(session, sent);
      for (const [step, slots] of Object.entries(drafts)) {
        const id = environment.id();
        const seen = { [step]: snapshot?.submissions[step]?.command ?? null };
        if (!put({ kind: "draft", id, session, version, step, seen, fields: slots })) return parcel;
        sent.set(id, { step, slots });
      }
    }
    return parcel;
  }

  async function push({ commands, drafts }: Parcel): Promise<boolean> {
    let reply;
    try {
      reply = await server.push(commands);
      if (reply.outcomes.length !== commands.length) throw new Error("Not an outcome for each command.");
    } catch (error) {
      if (closed) return false;
      failures += 1;
      draftsWanted = true;
      for (const { session } of isServers(error) ? commands : []) {
        // To the end of the line.
        suspects.delete(session);
        suspects.add(session);
      }
      // Asking again does not sign anyone in.
      if (link.state.signedOut) return false;
      retryIn(backoffMs(failures, environment));
      link.failed();
      return false;
    }
    failures = 0;
    link.heard(reply.now);

    const outcomes = new Map(commands.map(({ id }, index) => [id, reply.outcomes[index]!]));
    const snapshots = new Map(reply.snapshots.map((snapshot) => [snapshot.id, snapshot]));
    for (const session of new Set(commands.map((command) => command.session))) {
      const answer = { snapshot: snapshots.get(session), outcomes, drafts: drafts.get(session) ?? new Map() };
      const flow = flows.get(store.records.get(session)?.flow ?? "");
      if (flow === undefined) continue;
      suspects.delete(session);
      try {
        void store.change(session, answered(answer, { flow, device: device(), nowMs: link.now() }));
      } catch {
        // The flow's own code threw: the others are not held up.
        leaveAlone(session);
      }
      if ((snapshots.get(session)?.version ?? 0) > flow.version) ahead.add(session);
      else if (store.records.get(session)?.outdated) leaveAlone(session);
    }
    // What was refused is in its form again, and nobody types it.
    draftsWanted ||= reply.outcomes.some(({ outcome }) => outcome === "refused");
    const busyMs = reply.outcomes
      .map((outcome) => busyMsOf(outcome) ?? 0)
      .reduce((left, right) => Math.max(left, right));
    if (busyMs === 0) return true;
    draftsWanted = true;
    retryIn(busyMs);
    return false;
  }

  function retryIn(ms: number): void {
    cancelRetry = environment.after(ms, () => {
      cancelRetry = undefined;
      wake(false);
    });
  }

  function leaveAlone(session: string): void {
    outdated.add(session);
    cancelOutdated ??= environment.after(OUTDATED_MS, () => {
      cancelOutdated = undefined;
      outdated.clear();
      wake(true);
    });
  }

  return {
    wake,
    retry() {
      cancelRetry?.();
      cancelRetry = undefined;
      failures = 0;
      outdated.clear();
      draftsWanted = true;
      if (!running) void run();
    },
    close() {
      closed = true;
      cancelRetry?.();
      cancelOutdated?.();
    },
  };
}

/** Whether the server itself failed, rather than the way to it. */
function isServers(error: unknown): boolean {
  return (
    typeof (error as { readonly data?: { readonly httpStatus?: unknown } | null } | null)?.data?.httpStatus === "number"
  );
}
