import {
  advance,
  seenBy,
  type Command,
  type Device,
  type Outcome,
  type Refusal,
  type Snapshot,
} from "@sessions/core/internal";
import fc from "fast-check";
import { expect, test } from "vitest";
import { cancel, draft, start, submit } from "../../../core/src/testing/commands.ts";
import { repetitions } from "../../../../scripts/repetitions.ts";
import { newestSeenStamps, stampFields, keepDraft } from "./drafts.ts";
import { applySnapshot } from "./snapshot.ts";
import { enqueue, unshelve } from "./queue.ts";
import { applyReply, type SessionReply } from "./reply.ts";
import { emptyRecord, type QueuedCommand, type SessionRecord } from "./record.ts";
import { transfer } from "../testing/transfer.ts";
import { viewOf } from "./view.ts";

const here: Device = { id: "0190b2f4-0000-7000-8000-00000000000a", name: "Here" };
const elsewhere: Device = { id: "0190b2f4-0000-7000-8000-00000000000b", name: "Elsewhere" };
const session = "0190b2f4-0000-7000-8000-0000000000ff";

const steps = fc.constantFrom("amount", "recipient");
const values = fc.integer({ min: 1, max: 3 });
const refusals = fc.constantFrom<Refusal>({ code: "failed" }, { code: "busy", retryAfterMs: 1 }, { code: "not_found" });
const actions = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant("submit"), step: steps, value: values }) },
  { weight: 9, arbitrary: fc.record({ kind: fc.constant("type"), step: steps, value: values }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cancel") }) },
  { weight: 9, arbitrary: fc.record({ kind: fc.constant("submit elsewhere"), step: steps, value: values }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("type elsewhere"), step: steps, value: values }) },
  {
    weight: 15,
    arbitrary: fc.record({ kind: fc.constant("push"), commands: fc.nat(4), refusal: fc.option(refusals, { freq: 4 }) }),
  },
  { weight: 15, arbitrary: fc.record({ kind: fc.constant("hear"), which: fc.nat(9) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("lose"), which: fc.nat(9) }) },
  { weight: 9, arbitrary: fc.record({ kind: fc.constant("watch"), which: fc.nat(9) }) },
  { weight: 9, arbitrary: fc.record({ kind: fc.constant("decide"), again: fc.boolean() }) },
);
type Action = typeof actions extends fc.Arbitrary<infer T> ? T : never;

/**
 * One device's record of a session, the server, and the replies on their way. The server decides by core's rules. A law
 * runs random actions, and compares afterwards the commands that were taken with the history of the server.
 *
 * @example
 * const world = new World();
 * world.do({ kind: "submit", step: "amount", value: 1 });
 * world.do({ kind: "push", commands: 1, refusal: null });
 * world.do({ kind: "lose", which: 0 }); // The reply is lost; a later push sends the command again.
 */
class World {
  record: SessionRecord = emptyRecord;
  /** Every command that was not refused at once, and the person's decisions on the shelved ones. */
  readonly taken = new Set<string>();
  readonly decided = new Set<string>();
  readonly receipts = new Map<string, number>();
  readonly #told: Snapshot[] = [];
  readonly #replies: SessionReply[] = [];
  #server: Snapshot | null = null;
  #count = 0;

  constructor() {
    this.#take(start(session, "transfer", { id: this.#id() }));
    this.#submit("recipient", 1);
  }

  do(action: Action): void {
    if (action.kind === "submit") this.#submit(action.step, action.value);
    else if (action.kind === "type") this.#type(action.step, action.value);
    else if (action.kind === "cancel") this.#judged(cancel(session, { id: this.#id() }));
    else if (action.kind === "submit elsewhere")
      this.#decide(this.#submission(this.#server, action.step, action.value), elsewhere);
    else if (action.kind === "type elsewhere")
      this.#decide(this.#drafted(emptyRecord, action.step, action.value), elsewhere);
    else if (action.kind === "push") this.#push(action.commands, action.refusal ?? undefined);
    else if (action.kind === "hear") this.#hear(action.which);
    else if (action.kind === "lose") this.#replies.splice(action.which, 1);
    else if (action.kind === "watch") this.#watch(this.#told[this.#told.length - 1 - action.which]);
    else this.#resolve(action.again);
  }

  /** Sends every command, and hears every reply. */
  settle(): void {
    while (this.#replies.length > 0) this.#hear(0);
    for (let round = 0; round < 3; round += 1) {
      this.#push(99, undefined);
      this.#hear(0);
    }
  }

  get server(): Snapshot | null {
    return this.#server;
  }

  get screen(): Snapshot | null {
    return viewOf(transfer, this.record, here);
  }

  #id(): string {
    return `0190b2f4-0000-7000-8000-${String((this.#count += 1)).padStart(12, "0")}`;
  }

  #take(command: QueuedCommand, instead?: string): void {
    const base = command.kind === "submit" ? (this.screen?.data[command.step] ?? null) : null;
    this.taken.add(command.id);
    this.record = enqueue(command, base, instead)(this.record);
  }

  /** Takes a command as a session's actions do, unless the rules refuse it on the view. */
  #judged(command: QueuedCommand, instead?: string): boolean {
    const { accepted } = advance(transfer, this.screen, command, { device: here, nowMs: this.#count });
    if (accepted) this.#take(command, instead);
    return accepted;
  }

  #submit(step: string, value: number): void {
    this.#judged(this.#submission(this.screen, step, value));
  }

  #submission(seen: Snapshot | null, step: string, value: number): QueuedCommand {
    const input = step === "amount" ? { cents: value } : { name: `Name ${value}`, iban: "BE" };
    return submit(session, step, input, {
      id: this.#id(),
      seen: seen ? seenBy(transfer, seen, step) : {},
      seenDrafts: newestSeenStamps(this.record, step),
    });
  }

  #drafted(record: SessionRecord, step: string, value: number): Command {
    const device = record === emptyRecord ? elsewhere : here;
    const fields = step === "amount" ? { cents: value } : { name: `Name ${value}` };
    const id = this.#id();
    return draft(session, step, stampFields(record, fields, device.id, this.#count), { id });
  }

  #type(step: string, value: number): void {
    const command = this.#drafted(this.record, step, value);
    const { accepted } = advance(transfer, this.screen, command, { device: here, nowMs: this.#count });
    if (accepted && command.kind === "draft") this.record = keepDraft(step, command.fields, 1)(this.record);
  }

  #decide(command: Command, device: Device): Outcome {
    const known = this.receipts.get(command.id);
    if (known !== undefined) return { status: "accepted", revision: known, replayed: true };
    const advanced = advance(transfer, this.#server, command, { device, nowMs: this.#count });
    if (!advanced.accepted) return { status: "refused", refusal: advanced.refusal };
    this.#server = advanced.session;
    this.#told.push(advanced.session);
    if (command.kind !== "draft") this.receipts.set(command.id, advanced.session.revision);
    return { status: "accepted", revision: advanced.session.revision, replayed: false };
  }

  #push(count: number, refusal: Refusal | undefined): void {
    const commands: Command[] = this.record.pending.map(({ command }) => command).slice(0, count);
    for (const [step, draftFields] of commands.length < count ? Object.entries(this.record.drafts) : []) {
      const id = this.#id();
      const seen = { [step]: this.record.snapshot?.submissions[step]?.command ?? null };
      commands.push(draft(session, step, draftFields, { id, seen }));
    }
    // The application or the engine refuses the first one, even if the rules allow it. The others are judged without it.
    const [first] = commands;
    const outcomes = commands.map((command): [string, Outcome] => {
      const refused = command === first && refusal && !this.receipts.has(command.id);
      return [command.id, refused ? { status: "refused", refusal } : this.#decide(command, here)];
    });
    this.#replies.push({ snapshot: this.#server ?? undefined, outcomes: new Map(outcomes), commands });
  }

  #hear(which: number): void {
    const [answer] = this.#replies.splice(which, 1);
    if (answer) this.record = applyReply(answer, { flow: transfer, device: here, nowMs: this.#count })(this.record);
  }

  #watch(snapshot: Snapshot | undefined): void {
    if (snapshot) this.record = applySnapshot(snapshot, here, transfer)(this.record);
  }

  #resolve(again: boolean): void {
    const [entry] = this.record.shelved;
    if (entry === undefined || (again && entry.kind !== "submit")) return;
    if (again) {
      const submission = { ...this.#submission(this.screen, entry.step!, 1), input: entry.mine } as QueuedCommand;
      if (!this.#judged(submission, entry.id)) return;
    } else this.record = unshelve(entry.id)(this.record);
    this.decided.add(entry.id);
  }
}

function fatesOf({ record, decided, receipts }: World, id: string): readonly string[] {
  const outcome = record.settled.find((entry) => entry.id === id)?.outcome;
  // No command is reported as applied if it was not.
  if (outcome?.status === "accepted") expect(receipts.get(id)).toBe(outcome.revision);
  return [
    ...(record.pending.some(({ command }) => command.id === id) ? ["pending"] : []),
    ...(outcome?.status === "accepted" ? ["applied"] : []),
    ...(outcome?.status === "superseded" ? ["superseded"] : []),
    ...(record.shelved.some((entry) => entry.id === id && entry.kind !== "draft") ? ["shelved"] : []),
    // The person decided about a refusal, and the server had accepted the command when it was sent again.
    ...(decided.has(id) && outcome?.status !== "accepted" ? ["decided"] : []),
  ];
}

test("S4, S2: whatever is done here and elsewhere, and in whatever order replies come, each command has one fate", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.array(actions, { minLength: 10, maxLength: 60, size: "max" }), (script) => {
      const world = new World();
      let revision = 0;
      for (const action of script) {
        world.do(action);
        for (const id of world.taken) {
          const fates = fatesOf(world, id);
          expect(fates).toHaveLength(1);
          seen.add(fates[0]!);
        }
        // S10: revisions that a device hears never run backwards.
        const now = world.record.snapshot?.revision ?? 0;
        expect(now).toBeGreaterThanOrEqual(revision);
        revision = now;
      }
      world.settle();
      expect(world.record.pending).toEqual([]);
      expect(world.record.drafts).toEqual({});
      for (const id of world.taken) expect(fatesOf(world, id)).toHaveLength(1);
      expect(world.screen).toEqual(world.server);
    }),
    { numRuns: repetitions({ few: 150, many: 5_000 }) },
  );
  // If this fails, the search tried nothing.
  expect([...seen].toSorted()).toEqual(["applied", "decided", "pending", "shelved", "superseded"]);
}, 300_000);
