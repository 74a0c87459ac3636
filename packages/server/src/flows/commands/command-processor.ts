import {
  onlyOfSession,
  oversizeRefusal,
  parseCommands,
  PROTOCOL_VERSION,
  refusedOutcome,
  type Outcome,
  type PushReply,
  type PushRequest,
} from "@sessions/core/internal";
import type { SessionNotice } from "../../bus/bus.ts";
import type { Sender } from "../configuration/identity.ts";
import type { OwnerConnections } from "../../postgres/connection/owner-connections.ts";
import type { DatabaseKind } from "../../postgres/database.ts";
import { busyDecision } from "./busy.ts";
import { SessionCache } from "./cache.ts";
import { CpuScheduler } from "./cpu-scheduler.ts";
import { DeviceSightings } from "./device-sightings.ts";
import { InFlightCommands } from "./in-flight-commands.ts";
import { isNewlyAccepted, Push, type PushContext } from "./push.ts";
import { SessionWriter } from "./session-writer.ts";

/** The most commands that are in flight at once, in this node. */
const MAX_IN_FLIGHT = 10_000;

export interface CommandProcessorOptions extends Omit<PushContext, "cache" | "cpu" | "writer"> {
  readonly kind: DatabaseKind;
  /** How much memory the cached sessions may take, in bytes, roughly. */
  readonly cacheBytes: number;
  readonly ownerConnections: OwnerConnections;
}

/** Executes the commands that an owner pushes. Refuses a push at once when it is too large, or too much is in flight. */
export class CommandProcessor {
  readonly #context: PushContext;
  readonly #devices: DeviceSightings;
  #inFlight = 0;
  readonly #inFlightOf = new InFlightCommands();

  constructor({ kind, cacheBytes, ownerConnections, ...options }: CommandProcessorOptions) {
    const { updates, telemetry, now } = options;
    const db = options.db.withSchema(options.schema);
    this.#context = {
      ...options,
      cache: new SessionCache(cacheBytes),
      cpu: new CpuScheduler(),
      writer: new SessionWriter({ db, kind, updates, ownerConnections, telemetry, queueSize: MAX_IN_FLIGHT }),
    };
    this.#devices = new DeviceSightings({ db, now, ownerDevices: options.bounds.ownerDevices });
  }

  /** How many writes wait. */
  get queued(): number {
    return this.#context.writer.queued;
  }

  /** Executes the commands of a push. `request` is the same object for all pushes that are answered together. */
  push(sender: Sender, pushed: PushRequest, request: object): Promise<PushReply> {
    const attributes = { "sessions.commands": pushed.commands.length };
    return this.#context.telemetry.span("sessions.push", attributes, () => this.#push(sender, pushed, request));
  }

  async #push(sender: Sender, pushed: PushRequest, request: object): Promise<PushReply> {
    const { owner } = sender;
    const { bounds, telemetry } = this.#context;
    const { protocol, commands } = pushed;
    const refusedUnread = (outcome: Outcome, outcomes = commands.map(() => outcome)) => {
      telemetry.recordOutcome("unread", outcome, commands.length);
      return { now: this.#iso(), outcomes, snapshots: [] };
    };
    const excess = oversizeRefusal(commands, bounds, (text) => Buffer.byteLength(text));
    if (excess !== null) return refusedUnread(refusedOutcome(excess), [refusedOutcome(excess)]);
    if (protocol !== PROTOCOL_VERSION) {
      return refusedUnread(refusedOutcome({ code: "outdated", given: protocol, current: PROTOCOL_VERSION }));
    }
    const isFull =
      this.#inFlight + commands.length > MAX_IN_FLIGHT ||
      this.#inFlightOf.of(owner) + commands.length > bounds.ownerCommands;
    if (isFull) return refusedUnread(busyDecision.outcome);
    this.#inFlight += commands.length;
    this.#inFlightOf.add(owner, commands.length);
    try {
      return await this.#execute(sender, pushed, request);
    } finally {
      this.#inFlight -= commands.length;
      this.#inFlightOf.add(owner, -commands.length);
    }
  }

  async #execute(sender: Sender, { device, commands }: PushRequest, request: object): Promise<PushReply> {
    const { owner } = sender;
    const parsed = await parseCommands(commands, (work) => this.#context.cpu.run(owner, work));
    const { bySession, refused } = sender.guest
      ? onlyOfSession(parsed.bySession, sender.guest.session)
      : { ...parsed, refused: [] };
    const push = new Push(this.#context, sender, device, request);
    const { outcomes, snapshots } = await push.execute(bySession, new Map([...parsed.malformed, ...refused]));
    if (outcomes.some(isNewlyAccepted)) await this.#devices.record(owner, device);
    return { now: this.#iso(), outcomes, snapshots };
  }

  /** Drops cached sessions that another node has changed. Without a notice, any session may have changed. */
  dropCached(notice: SessionNotice | undefined): void {
    const { cache } = this.#context;
    if (notice === undefined) cache.clear();
    else cache.dropOlder(notice.owner, notice.session, notice.revision);
  }

  /** Drops the cached sessions of an owner who was erased. */
  dropOwner(owner: string): void {
    this.#context.cache.dropOwner(owner);
  }

  #iso(): string {
    return new Date(this.#context.now()).toISOString();
  }
}
