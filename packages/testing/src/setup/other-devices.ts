import { SessionsError, type AnyFlow, type Snapshot } from "@sessions/core/internal";
import type { SessionsInMemory } from "../sessions/sessions-in-memory.ts";
import { createOtherDevice, type OtherDevice } from "./other-device.ts";
import { seedSession, type Seed } from "./seed.ts";
import type { SignIn } from "./sign-in.ts";

export interface OtherDevicesOptions {
  readonly sessions: SessionsInMemory;
  readonly signIn: SignIn;
  readonly now: () => number;
  /** A new id. */
  readonly id: () => string;
}

/** Makes the devices that act beside the page. A seed comes from one of them. */
export class OtherDevices {
  readonly #options: OtherDevicesOptions;

  constructor(options: OtherDevicesOptions) {
    this.#options = options;
  }

  /** Without an `owner`, it acts for the owner who is signed in at the page. */
  create(name: string, named?: string): OtherDevice {
    const { sessions, now, id } = this.#options;
    const owner = named ?? this.#pageOwner();
    return createOtherDevice({
      device: { id: id(), name },
      now,
      id,
      snapshotOf: (session) => sessions.store.current(sessions.ownerOf(session) ?? owner, session)?.snapshot ?? null,
      push: (session, device, command) => sessions.pushFromDevice(sessions.ownerOf(session) ?? owner, device, command),
    });
  }

  seed<Flow extends AnyFlow>(flow: Flow, seed: Seed<Flow>): Promise<Snapshot> {
    const { sessions } = this.#options;
    return seedSession(flow, seed, this.create("Seed", seed.owner), (session) =>
      sessions.redact(sessions.current(session).snapshot),
    );
  }

  #pageOwner(): string {
    const owner = this.#options.signIn.owner ?? this.#options.sessions.store.owners()[0];
    if (owner !== undefined) return owner;
    const what = "The test server does not know whose session this is.";
    throw new SessionsError(
      "configuration_invalid",
      `${what} Give createTestServer the \`owner\` that the page's client has.`,
    );
  }
}
