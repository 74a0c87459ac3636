import { LRUCache } from "lru-cache";
import type { SessionsError } from "@sessions/core/internal";
import type { LiveSignIn, SignInKeeper } from "../keeper/sign-in-keeper.ts";
import { deviceLabel } from "../request/device-label.ts";
import type { RequestHead } from "../request/request-head.ts";
import { withAnswerLimit } from "./exchange/answer-limit.ts";
import { visitedSignIn, type VisitedSignIn } from "./visited-sign-in.ts";

/** Something about a request that does not fit its sign-in. */
export interface Signal {
  /** `device_changed`: the User-Agent names another browser or system. `place_changed`: `locate` tells another place. */
  readonly kind: "device_changed" | "place_changed";
  readonly owner: string;
  readonly signIn: VisitedSignIn;
  readonly request: RequestHead;
}

/** `note` writes it into the history of the sign-in. `revoke` does so too, and ends the sign-in. */
export type SignalDecision = "ignore" | "note" | "revoke";

/** How long a signal that was noted is not noted again, in milliseconds. */
const NOTE_MS = 3_600_000;
const MAX_NOTED = 10_000;

export interface SignalDetectorOptions {
  readonly keeper: SignInKeeper;
  readonly decide: (signal: Signal) => SignalDecision;
  readonly locate: (request: RequestHead) => string | null;
  readonly report: (fault: SessionsError) => void;
  readonly now: () => number;
}

/** Compares requests with their sign-ins, and does what the application decides. */
export class SignalDetector {
  readonly #options: SignalDetectorOptions;
  readonly #noted: LRUCache<string, true>;

  constructor(options: SignalDetectorOptions) {
    this.#options = options;
    this.#noted = new LRUCache({ max: MAX_NOTED, ttl: NOTE_MS, ttlResolution: 0, perf: options });
  }

  /** Whether the sign-in ended because of this request. */
  async revokeIfDecided(signIn: LiveSignIn, request: RequestHead): Promise<boolean> {
    for (const kind of this.#kinds(signIn, request)) {
      const signal = { kind, owner: signIn.owner, signIn: visitedSignIn(signIn), request };
      const decision = this.#options.decide(signal);
      if (decision === "ignore") continue;
      this.#note(signIn, kind);
      if (decision === "note") continue;
      const { keeper, report } = this.#options;
      await withAnswerLimit(keeper.end(signIn.owner, signIn.publicId, "revoked"), report);
      return true;
    }
    return false;
  }

  #kinds(signIn: LiveSignIn, request: RequestHead): readonly Signal["kind"][] {
    const place = this.#options.locate(request);
    return [
      ...(deviceLabel(request.headers) === signIn.device ? [] : (["device_changed"] as const)),
      ...(place === null || signIn.place === null || place === signIn.place ? [] : (["place_changed"] as const)),
    ];
  }

  /** The request need not wait for it. */
  #note(signIn: LiveSignIn, kind: string): void {
    const key = `${signIn.publicId} ${kind} ${signIn.owner}`;
    if (this.#noted.has(key)) return;
    this.#noted.set(key, true);
    const { keeper, report } = this.#options;
    // A fault is reported. The signal is noted with a later request.
    withAnswerLimit(keeper.noteSignal(signIn, kind), report).catch(() => this.#noted.delete(key));
  }
}
