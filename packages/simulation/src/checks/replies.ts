import {
  sameJson,
  type Command,
  type PushReply,
  type PushRequest,
  type ReceiptReply,
  type ReceiptRequest,
  type Refusal,
  type Snapshot,
} from "@sessions/core/internal";
import { SpecBrokenError, shortId } from "../journal.ts";

/**
 * Compares the replies of all nodes, including the ones that the network loses. They must not contradict each other.
 *
 * For example, one node has sent a session at revision 5. If a later request is answered with revision 4, then that node
 * has read from an old memory: S8.
 */
export class ReplyChecks {
  /** By owner and command: the revision that it was accepted at. */
  readonly accepted = new Map<string, number>();
  readonly #byRevision = new Map<string, string>();
  readonly #snapshots = new Map<string, Snapshot>();
  readonly #newest = new Map<string, number>();

  push(owner: string, { commands }: PushRequest, { outcomes, snapshots }: PushReply): void {
    for (const [index, command] of commands.entries()) {
      const outcome = outcomes[index];
      if (outcome?.status === "refused") requireReason(command, outcome.refusal, snapshots);
      if (outcome?.status !== "accepted") continue;
      const { revision, replayed } = outcome;
      if (!replayed) {
        const taken = this.#byRevision.get(`${owner} ${command.session} ${revision}`) ?? command.id;
        if (taken !== command.id) {
          throw new SpecBrokenError(
            "S3",
            `revision ${revision} was given to ${shortId(taken)} and to ${shortId(command.id)}`,
          );
        }
        this.#byRevision.set(`${owner} ${command.session} ${revision}`, command.id);
      }
      if (command.kind !== "draft") this.#accept(owner, command.id, revision);
    }
  }

  receipt(owner: string, { command }: ReceiptRequest, { outcome }: ReceiptReply): void {
    if (outcome?.status === "accepted") this.#accept(owner, command, outcome.revision);
  }

  /** The newest revision of each session that a node has sent. A request that begins now must get no older one. */
  newest(owner: string, sessions: readonly string[]): ReadonlyMap<string, number> {
    return new Map(sessions.map((session) => [session, this.#newest.get(`${owner} ${session}`) ?? 0]));
  }

  /** A reply must be no older than `newest`, which was read when its request began. */
  requireNew(told: readonly Snapshot[], newest: ReadonlyMap<string, number>): void {
    for (const { id, revision } of told) {
      const known = newest.get(id) ?? 0;
      if (revision < known) throw new SpecBrokenError("S8", `${shortId(id)} was told at ${revision} after ${known}`);
    }
  }

  /** A revision is one state of a session, and the same on every node. */
  snapshot(owner: string, snapshot: Snapshot): void {
    const session = `${owner} ${snapshot.id}`;
    this.#newest.set(session, Math.max(snapshot.revision, this.#newest.get(session) ?? 0));
    const key = `${owner} ${snapshot.id} ${snapshot.revision}`;
    const before = this.#snapshots.get(key);
    if (before === undefined) this.#snapshots.set(key, snapshot);
    else if (!sameJson(before, snapshot)) {
      throw new SpecBrokenError("S8", `revision ${snapshot.revision} of ${shortId(snapshot.id)} was told in two ways`);
    }
    const earlier = this.#snapshots.get(`${owner} ${snapshot.id} ${snapshot.revision - 1}`);
    if (earlier) requireNewerDrafts(earlier, snapshot);
  }

  #accept(owner: string, command: string, revision: number): void {
    const before = this.accepted.get(`${owner} ${command}`) ?? revision;
    if (before !== revision) {
      throw new SpecBrokenError("S2", `${shortId(command)} was accepted at revision ${before} and at ${revision}`);
    }
    this.accepted.set(`${owner} ${command}`, revision);
  }
}

/**
 * A refusal must have its reason. A conflict names a step whose submission differs from the one that the person saw. For
 * an unreachable step, a step that it depends on is missing. Ids of submissions never come back: if the seen one stands
 * when the reply is made, it stood all the time.
 */
function requireReason(command: Command, refusal: Refusal, snapshots: readonly Snapshot[]): void {
  if (command.kind !== "submit" || (refusal.code !== "conflict" && refusal.code !== "step_unreachable")) return;
  const now = snapshots.find(({ id }) => id === command.session);
  if (now === undefined || now.version !== command.version) return;
  const differs = (step: string) => !command.seen[step] || now.submissions[step]?.command !== command.seen[step];
  // In these flows a step that depends on others depends on all before it.
  const causes = Object.keys(command.seen).filter((step) => step !== command.step);
  const lacking = refusal.code === "conflict" ? refusal.changed : causes;
  if (lacking.length > 0 && !lacking.some(differs))
    throw new SpecBrokenError("S8", `${shortId(command.id)} was refused for what is not so`);
}

/** From one revision to the next, a field's draft only becomes newer, unless its step was submitted or cleared. */
function requireNewerDrafts(before: Snapshot, after: Snapshot): void {
  if (after.status !== "active") return;
  for (const [step, fields] of Object.entries(after.drafts)) {
    if (before.submissions[step]?.command !== after.submissions[step]?.command) continue;
    for (const [field, { at }] of Object.entries(fields)) {
      const old = before.drafts[step]?.[field];
      if (old && old.at > at)
        throw new SpecBrokenError("S3", `an older draft of ${step}.${field} took the place of a newer one`);
    }
  }
}
