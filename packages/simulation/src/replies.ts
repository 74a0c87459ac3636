import { sameJson, type PushReply, type PushRequest, type Snapshot } from "@sessions/core";
import { Broken, short } from "./journal.ts";

/** What nodes have told, whether or not it arrived, and what must not contradict itself. */
export class Replies {
  /** By owner and command: the revision that it was accepted at. */
  readonly accepted = new Map<string, { readonly session: string; readonly revision: number }>();
  readonly #byRevision = new Map<string, string>();
  readonly #snapshots = new Map<string, Snapshot>();

  push(owner: string, { commands }: PushRequest, { outcomes, snapshots }: PushReply): void {
    for (const [index, command] of commands.entries()) {
      const outcome = outcomes[index];
      if (outcome?.outcome !== "accepted") continue;
      const { revision, replayed } = outcome;
      if (!replayed) {
        const taken = this.#byRevision.get(`${owner} ${command.session} ${revision}`) ?? command.id;
        if (taken !== command.id) {
          throw new Broken("S3", `revision ${revision} was given to ${short(taken)} and to ${short(command.id)}`);
        }
        this.#byRevision.set(`${owner} ${command.session} ${revision}`, command.id);
      }
      if (command.kind === "draft") continue;
      const before = this.accepted.get(`${owner} ${command.id}`);
      if (before && before.revision !== revision) {
        const both = `at revision ${before.revision} and at ${revision}`;
        throw new Broken("S2", `${command.kind} ${short(command.id)} was accepted ${both}`);
      }
      this.accepted.set(`${owner} ${command.id}`, { session: command.session, revision });
    }
    for (const snapshot of snapshots) this.snapshot(owner, snapshot);
  }

  /** A revision is one state of a session, whoever tells it. */
  snapshot(owner: string, snapshot: Snapshot): void {
    const key = `${owner} ${snapshot.id} ${snapshot.revision}`;
    const before = this.#snapshots.get(key);
    if (before === undefined) this.#snapshots.set(key, snapshot);
    else if (!sameJson(before, snapshot)) {
      throw new Broken("S8", `revision ${snapshot.revision} of ${short(snapshot.id)} was told in two ways`);
    }
    const earlier = this.#snapshots.get(`${owner} ${snapshot.id} ${snapshot.revision - 1}`);
    if (earlier) requireNewerDrafts(earlier, snapshot);
  }
}

/** From one revision to the next, a field's draft only becomes newer, unless its step was submitted or cleared. */
function requireNewerDrafts(before: Snapshot, after: Snapshot): void {
  if (after.status !== "active") return;
  for (const [step, fields] of Object.entries(after.drafts)) {
    if (before.submissions[step]?.command !== after.submissions[step]?.command) continue;
    for (const [field, { at }] of Object.entries(fields)) {
      const old = before.drafts[step]?.[field];
      if (old && old.at > at)
        throw new Broken("S3", `an older draft of ${step}.${field} took the place of a newer one`);
    }
  }
}
