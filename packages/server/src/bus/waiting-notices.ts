import type { Notice } from "./bus.ts";
import { encodeNotice } from "./notice-codec.ts";

/** The most notices of one kind that wait. Above it the oldest are dropped: listeners ask the database too. */
const MAX_WAITING = 10_000;

interface Waiting {
  readonly notice: Notice;
  readonly payload: string;
}

/** The notices that are not sent yet: of a session its newest one alone, and no notice twice. */
export class WaitingNotices {
  // Each kind has its own bound, so that many sessions' changes never drop the end of a sign-in.
  readonly #byKind = {
    session: new Map<string, Waiting>(),
    adopted: new Map<string, Waiting>(),
    erased: new Map<string, Waiting>(),
    sign_in: new Map<string, Waiting>(),
  };

  keep(notice: Notice): void {
    const payload = encodeNotice(notice);
    if (payload === undefined) return;
    const waiting = this.#byKind[notice.kind];
    const key = keyOf(notice) ?? payload;
    const before = waiting.get(key)?.notice;
    if (isNewer(before, notice)) return;
    waiting.set(key, { notice, payload });
    const [oldest] = waiting.keys();
    if (waiting.size > MAX_WAITING) waiting.delete(oldest!);
  }

  get isEmpty(): boolean {
    return Object.values(this.#byKind).every(({ size }) => size === 0);
  }

  /** Takes all that waits, the sign-ins' first. */
  take(): readonly Waiting[] {
    const { sign_in, adopted, erased, session } = this.#byKind;
    const taken = [...sign_in.values(), ...adopted.values(), ...erased.values(), ...session.values()];
    for (const waiting of Object.values(this.#byKind)) waiting.clear();
    return taken;
  }
}

/** An id is unique within one owner only: another owner may have a session with the same id. */
function keyOf(notice: Notice): string | undefined {
  return notice.kind === "session" ? `${notice.session} ${notice.owner}` : undefined;
}

function isNewer(before: Notice | undefined, notice: Notice): boolean {
  return before?.kind === "session" && notice.kind === "session" && before.revision >= notice.revision;
}
