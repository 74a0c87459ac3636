import { hasSeen, sameJson, type Json, type DraftField, type Snapshot } from "@sessions/core/internal";
import type { SessionRecord } from "../../../client/src/record/record.ts";
import { SpecBrokenError, shortId } from "../journal.ts";
import type { SimulatedDevice, Tab } from "../browser/tab.ts";

/** The value of a field that a person typed, and that was on the disk of the device. */
interface TypedValue {
  readonly device: SimulatedDevice;
  readonly owner: string;
  readonly session: string;
  readonly step: string;
  readonly field: string;
  readonly value: Json;
  readonly at: string;
  readonly moment: number;
}

/**
 * Follows every typed field that was stored. When nothing is left to do, its value is in one of four states. It is on the
 * server, it was submitted, a person who had seen it replaced it, or its device has shelved it.
 *
 * For example, the phone types 5 offline while the laptop submits 9 in the same field. When the phone is online again, it
 * must show 5 on its shelf. If it shows 9 alone, then nobody decided about the 5: S4.
 */
export class DraftChecks {
  /** The newest value of each device in each field. */
  readonly #newest = new Map<string, TypedValue>();
  /** By owner, session, step and field: every draft and every submitted value that nodes have reported. */
  readonly #reported = new Map<
    string,
    { readonly draftFields: Map<string, DraftField>; readonly submitted: Set<string> }
  >();
  /** By owner, session and step: the drafts that submissions have seen. */
  readonly #seen = new Map<string, Set<string>>();
  /** By device, owner, session and step: when a person there last submitted, discarded or cancelled. */
  readonly #decided = new Map<string, number>();
  /** By device, and by owner or for all: when the data there was last erased. */
  readonly #erased = new Map<string, number>();
  #moments = 0;

  /** A person types. The value counts when it is stored. */
  onTyped(
    { device, owner }: Tab,
    session: string,
    step: string,
    fields: Readonly<Record<string, Json>>,
    stored: Promise<void>,
  ): void {
    const moment = (this.#moments += 1);
    void stored.then(() => {
      const gone = [this.#erased.get(`${device.name} ${owner}`) ?? 0, this.#erased.get(`${device.name} `) ?? 0];
      if (Math.max(...gone) > moment) return;
      const record = device.disk.recordOf(owner, session);
      for (const [field, value] of Object.entries(fields)) {
        const draftField = draftFieldsOf(record, step)?.[field];
        // Sent already, typed over, or only in memory.
        if (draftField === undefined || !sameJson(draftField.value, value)) continue;
        const key = `${device.name} ${owner} ${session} ${nameNow(step)} ${field}`;
        if ((this.#newest.get(key)?.at ?? "") >= draftField.at) continue;
        this.#newest.set(key, { device, owner, session, step, field, value, at: draftField.at, moment });
      }
    });
  }

  /** A person submits a step, or decides about a shelved change of it. Without `step`: of every step. */
  onDecided({ device, owner }: Tab, session: string, step = ""): void {
    this.#decided.set(`${device.name} ${owner} ${session} ${nameNow(step)}`, (this.#moments += 1));
  }

  /** The data of a device was erased: by its browser, or by a sign-out. */
  onErased(device: SimulatedDevice, owner?: string): void {
    this.#erased.set(`${device.name} ${owner ?? ""}`, (this.#moments += 1));
    for (const [key, typing] of this.#newest) {
      if (typing.device === device && (owner === undefined || typing.owner === owner)) this.#newest.delete(key);
    }
  }

  /** A node has sent a session. */
  onSnapshot(owner: string, { id, data, drafts, submissions }: Snapshot): void {
    for (const [step, fields] of Object.entries(drafts)) {
      for (const [field, draftField] of Object.entries(fields))
        this.#of(owner, id, step, field).draftFields.set(draftField.at, draftField);
    }
    for (const [step, { seenDrafts = [] }] of Object.entries(submissions)) {
      for (const [field, value] of Object.entries(data[step] as object)) {
        this.#of(owner, id, step, field).submitted.add(JSON.stringify(value));
      }
      const key = `${owner} ${id} ${nameNow(step)}`;
      const seen = this.#seen.get(key) ?? new Set();
      for (const at of seenDrafts) seen.add(at);
      this.#seen.set(key, seen);
    }
  }

  /** At rest: looks for every typed value. `truth`: the sessions as the server has them. @throws {SpecBrokenError} */
  checkAtRest(owner: string, truth: readonly Snapshot[]): void {
    for (const typing of this.#newest.values()) {
      if (typing.owner !== owner) continue;
      const snapshot = truth.find(({ id }) => id === typing.session);
      if (this.#isSafe(typing, snapshot)) continue;
      const { device, session, step, field } = typing;
      throw new SpecBrokenError("S4", `${step}.${field} typed in ${shortId(session)} on ${device.name} is gone`);
    }
  }

  #isSafe(
    { device, owner, session, step, field, value, at, moment }: TypedValue,
    truth: Snapshot | undefined,
  ): boolean {
    const place = `${owner} ${session} ${nameNow(step)}`;
    const decidedAt = (of: string) => this.#decided.get(`${device.name} ${owner} ${session} ${of}`) ?? 0;
    if (Math.max(decidedAt(nameNow(step)), decidedAt("")) > moment) return true;
    const record = device.disk.recordOf(owner, session);
    const mine = at.slice(21);
    const { draftFields, submitted } = this.#of(owner, session, step, field);
    if (submitted.has(JSON.stringify(value))) return true;
    // The person who typed over it had seen it, or typed the same value.
    const newer = [...draftFields.values()].filter((draftField) => draftField.at > at);
    if (newer.some((draftField) => hasSeen(draftField, at) || sameJson(draftField.value, value))) return true;
    if ([...(this.#seen.get(place) ?? [])].some((seen) => seen.slice(21) === mine && seen >= at)) return true;
    if (draftFieldsOf(record, step)?.[field] !== undefined) return true;
    const onShelf = record?.shelved.some(
      (entry) => nameNow(entry.step ?? "") === nameNow(step) && Object.hasOwn((entry.mine ?? {}) as object, field),
    );
    if (onShelf) return true;
    // A session's end ends its drafts on the server, and on the device that ended it.
    if (truth !== undefined && truth.status !== "active")
      return newer.length > 0 || draftFields.has(at) || truth.device.id === mine;
    // It stands: a newer one may have come first, and gone with a submission since.
    const standing = truth?.drafts[step]?.[field] ?? truth?.drafts[nameNow(step)]?.[field];
    return standing !== undefined && (standing.at === at || sameJson(standing.value, value));
  }

  #of(owner: string, session: string, step: string, field: string) {
    const key = `${owner} ${session} ${nameNow(step)} ${field}`;
    const found = this.#reported.get(key) ?? {
      draftFields: new Map<string, DraftField>(),
      submitted: new Set<string>(),
    };
    this.#reported.set(key, found);
    return found;
  }
}

/** The step's name in the flows' last version. */
function nameNow(step: string): string {
  return step === "body" ? "content" : step;
}

/** The unsent drafts of a step on a disk, of any version. */
function draftFieldsOf(record: SessionRecord | undefined, step: string): SessionRecord["drafts"][string] | undefined {
  if (record === undefined) return undefined;
  const apart = record.otherVersionDrafts
    .filter((typed) => nameNow(typed.step) === nameNow(step))
    .map(({ fields: draftFields }) => draftFields);
  const all = [record.drafts[step] ?? {}, record.drafts[nameNow(step)] ?? {}, ...apart];
  const newest: Record<string, SessionRecord["drafts"][string][string]> = {};
  for (const draftFields of all) {
    for (const [field, draftField] of Object.entries(draftFields)) {
      if ((newest[field]?.at ?? "") < draftField.at) newest[field] = draftField;
    }
  }
  return newest;
}
