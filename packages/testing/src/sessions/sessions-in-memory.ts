import {
  PROTOCOL_VERSION,
  redact,
  SessionsError,
  type Command,
  type Device,
  type Outcome,
  type PushReply,
  type PushRequest,
  type Snapshot,
} from "@sessions/core/internal";
import { servedFlows, type ServedFlow } from "../serve.ts";
import { push, type PushContext, type Sender } from "./push.ts";
import { Reader } from "./reader.ts";
import { SessionStore, type Publish } from "./session-store.ts";
import type { StoredSession } from "./stored-session.ts";
import { Turns } from "./turns.ts";

export interface SessionsInMemoryOptions {
  readonly flows: Parameters<typeof servedFlows>[0];
  readonly now: () => number;
  /** What the page is refused because a test wants it. */
  readonly staged: Pick<PushContext, "stagedRefusal" | "stagedPushRefusal">;
  /** Called with each session that has changed. */
  readonly publish: Publish;
  readonly report: (fault: SessionsError) => void;
}

/** The sessions of all owners, with the flows that are served. */
export class SessionsInMemory {
  readonly store: SessionStore;
  readonly reader: Reader;
  /** Every push of a page. */
  readonly pushes: PushRequest[] = [];
  /** The version of the protocol that is spoken. */
  protocol = PROTOCOL_VERSION;
  readonly #now: () => number;
  readonly #context: PushContext;
  readonly #pageContext: PushContext;
  #flows: ReadonlyMap<string, ServedFlow>;

  constructor({ flows, now, staged, publish, report }: SessionsInMemoryOptions) {
    this.#flows = servedFlows(flows);
    this.#now = now;
    this.store = new SessionStore(now, publish);
    this.reader = new Reader(this.store);
    this.#context = {
      store: this.store,
      reader: this.reader,
      turns: new Turns(),
      flows: () => this.#flows,
      protocol: () => this.protocol,
      now,
      report,
      stagedRefusal: () => undefined,
      stagedPushRefusal: () => undefined,
    };
    this.#pageContext = { ...this.#context, ...staged };
  }

  /** Serves these flows from now on. */
  deploy(flows: SessionsInMemoryOptions["flows"]): void {
    this.#flows = servedFlows(flows);
  }

  /** Executes the commands of a page. They meet the refusals that are staged. */
  pushFromPage(sender: Sender, request: PushRequest): Promise<Omit<PushReply, "now">> {
    this.pushes.push(request);
    return push(this.#pageContext, sender, request);
  }

  /** Executes a command of another device of an owner, who has proved everything. */
  async pushFromDevice(owner: string, device: Device, command: Command): Promise<Outcome> {
    const proved: Sender = { owner, provedAt: this.#now(), level: "aal3" };
    const { outcomes } = await push(this.#context, proved, { protocol: this.protocol, device, commands: [command] });
    return outcomes[0]!;
  }

  /** A session as it may be told: without the inputs of sensitive steps. */
  readonly redact = (snapshot: Snapshot): Snapshot => redact(this.#flows.get(snapshot.flow)?.flow, snapshot);

  ownerOf(session: string): string | undefined {
    return this.store.owners().find((owner) => this.store.load(owner, session) !== null);
  }

  /** A session of any owner, as it is now. @throws {SessionsError} `configuration_invalid` if there is none. */
  current(session: string): StoredSession {
    const found = this.store.current(this.ownerOf(session) ?? "", session);
    if (found !== null) return found;
    throw new SessionsError("configuration_invalid", `The test server has no session ${session}.`);
  }

  /** Ends an active session by its deadline, which is now. */
  expire(session: string): void {
    const before = this.current(session);
    const owner = this.ownerOf(session);
    if (before.snapshot.status !== "active" || owner === undefined) return;
    const expiresAt = new Date(this.#now()).toISOString();
    this.store.keep(owner, { ...before, snapshot: { ...before.snapshot, expiresAt } });
    this.store.current(owner, session);
  }
}
