import {
  advance,
  hasSeen,
  defineFlow,
  sameJson,
  seenBy,
  step,
  type Device,
  type Command,
  type Json,
  type Outcome,
  type DraftField,
  type Snapshot,
} from "@sessions/core/internal";
import { z } from "zod";
import { draft, idOf, start, submit } from "../../../core/src/testing/commands.ts";
import { applySnapshot } from "../record/snapshot.ts";
import { changedFields, newestSeenStamps, stampFields, keepDraft } from "../record/drafts.ts";
import { shelveOverwritten } from "../record/overwritten.ts";
import { enqueue } from "../record/queue.ts";
import { emptyRecord, compose, type SessionRecord } from "../record/record.ts";
import { applyReply } from "../record/reply.ts";
import { viewOf } from "../record/view.ts";

export const poem = defineFlow({
  name: "poem",
  version: 1,
  steps: {
    text: step({ input: z.object({ title: z.string().optional(), lines: z.array(z.string()).optional() }) }),
    end: step({ input: z.object({}), dependsOn: ["text"] }),
  },
});

export const session = idOf(255);

export const fields = ["title", "lines"] as const;

/**
 * Some devices of one owner, and their server. Each device has a clock of its own, and reaches the server only when it
 * pushes or hears. `requireNothingLost` ends a run: it throws if a typed value is gone that no person had seen.
 *
 * @example
 * const devices = new PoemDevices([0, 5_000]); // The second clock is five seconds ahead.
 * devices.type(0, "title", "mine");
 * devices.type(1, "title", "theirs");
 * devices.push(1);
 * devices.hear(0);
 * devices.requireNothingLost();
 */
export class PoemDevices {
  snapshot: Snapshot;
  readonly devices: { readonly device: Device; readonly aheadMs: number; record: SessionRecord }[];
  /** All typed values, by device and field, in their order; null if the person has decided on the value. */
  readonly typed = new Map<string, (DraftField | null)[]>();
  /** Every value that was ever submitted in a field. */
  readonly submitted = new Set<string>();
  #nowMs = 1_000_000;

  constructor(aheadMs: readonly number[]) {
    const begun = advance(poem, null, start(session, "poem"), {
      device: { id: idOf(1), name: "Device 1" },
      nowMs: this.#nowMs,
    });
    if (!begun.accepted) throw new Error("A start is accepted.");
    this.snapshot = begun.session;
    this.devices = aheadMs.map((ahead, index) => {
      const device = { id: idOf(index + 1), name: `Device ${index + 1}` };
      return { device, aheadMs: ahead, record: applySnapshot(this.snapshot, device, poem)(emptyRecord) };
    });
  }

  type(nth: number, field: string, value: Json | undefined): void {
    const one = this.devices[nth % this.devices.length]!;
    const view = viewOf(poem, one.record, one.device)!;
    const shown = view.drafts["text"];
    const changed = changedFields({ [field]: value }, shown, view.data["text"] as never);
    if (Object.keys(changed).length === 0) return;
    const draftFields = stampFields(one.record, changed, one.device.id, (this.#nowMs += 10) + one.aheadMs, shown);
    one.record = compose(keepDraft("text", draftFields, 1), shelveOverwritten())(one.record);
    this.#of(one.device, field).push(draftFields[field]!);
  }

  submit(nth: number): void {
    const { device } = this.devices[nth % this.devices.length]!;
    const one = this.devices[nth % this.devices.length]!;
    const view = viewOf(poem, one.record, device)!;
    const input = Object.fromEntries(
      fields.flatMap((field) => {
        const value =
          view.drafts["text"]?.[field]?.value ?? (view.data["text"] as { title?: Json } | undefined)?.["title"];
        return (field === "lines" ? Array.isArray(value) : typeof value === "string") ? [[field, value]] : [];
      }),
    );
    const until = newestSeenStamps(one.record, "text");
    const seen = seenBy(poem, view, "text");
    const command = submit(session, "text", input, { seen, ...(until.length > 0 && { seenDrafts: until }) });
    one.record = enqueue(command, null)(one.record);
    for (const field of fields) this.#of(device, field).push(null);
  }

  push(nth: number): void {
    const one = this.devices[nth % this.devices.length]!;
    const outcomes = new Map<string, Outcome>();
    const seen = { text: one.record.snapshot?.submissions["text"]?.command ?? null };
    const typedNow = Object.entries(one.record.drafts).map(([name, draftFields]) =>
      draft(session, name, draftFields, { seen }),
    );
    const commands: Command[] = [...one.record.pending.map((entry) => entry.command), ...typedNow];
    for (const command of commands) {
      const advanced = advance(poem, this.snapshot, command, { device: one.device, nowMs: this.#nowMs });
      if (advanced.accepted) this.snapshot = advanced.session;
      for (const entry of Object.entries((this.snapshot.data["text"] ?? {}) as object)) {
        this.submitted.add(JSON.stringify(entry));
      }
      const { revision } = this.snapshot;
      outcomes.set(
        command.id,
        advanced.accepted
          ? { status: "accepted", revision, replayed: false }
          : { status: "refused", refusal: advanced.refusal },
      );
    }
    const answer = { snapshot: structuredClone(this.snapshot), outcomes, commands };
    one.record = applyReply(answer, { flow: poem, device: one.device, nowMs: this.#nowMs })(one.record);
  }

  hear(nth: number): void {
    const one = this.devices[nth % this.devices.length]!;
    one.record = applySnapshot(structuredClone(this.snapshot), one.device, poem)(one.record);
  }

  /** Everything at rest: what nobody has seen is where it was typed, once. */
  requireNothingLost(): void {
    for (let round = 0; round < 3; round += 1) for (const index of this.devices.keys()) this.push(index);
    for (const index of this.devices.keys()) this.hear(index);
    for (const { device, record } of this.devices) {
      if (Object.keys(record.drafts).length > 0) throw new Error(`${device.name} has something to send.`);
      if (record.shelved.filter(({ kind }) => kind === "draft").length > 1) throw new Error("There is a pile.");
      for (const field of fields) {
        const draftField = this.#of(device, field).at(-1);
        if (draftField === undefined || draftField === null || this.#isSafe(draftField, field, record)) continue;
        throw new Error(`${field} ${JSON.stringify(draftField)} of ${device.name} is gone: ${JSON.stringify(record)}`);
      }
    }
  }

  #isSafe(draftField: DraftField, field: string, record: SessionRecord): boolean {
    const { value, at } = draftField;
    if (value === undefined || value === "" || (Array.isArray(value) && value.length === 0)) return true;
    const others = [...this.typed].flatMap(([key, draftFields]) =>
      key.endsWith(field) ? draftFields.filter(Boolean) : [],
    ) as DraftField[];
    // Somebody typed over it, or submitted, with it or the same on the screen.
    if (others.some((other) => other.at !== at && hasSeen(other, at))) return true;
    if (others.some((other) => other.at !== at && sameJson(other.value, value))) return true;
    const stands = this.snapshot.drafts["text"]?.[field];
    const submission = this.snapshot.submissions["text"];
    if (sameJson(stands?.value, value) || this.submitted.has(JSON.stringify([field, value]))) return true;
    if (submission?.seenDrafts?.some((seen) => hasSeen({ at: seen }, at))) return true;
    return record.shelved.some(({ mine }) => sameJson((mine as Record<string, Json>)?.[field], value));
  }

  #of({ id }: Device, field: string): (DraftField | null)[] {
    const key = `${id} ${field}`;
    const draftFields = this.typed.get(key) ?? [];
    this.typed.set(key, draftFields);
    return draftFields;
  }
}
