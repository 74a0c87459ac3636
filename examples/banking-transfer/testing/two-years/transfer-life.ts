import {
  advance,
  draftFieldOf,
  expireIfDue,
  nextStamp,
  seenBy,
  type Command,
  type HistoryChange,
  type Json,
  type Snapshot,
} from "@sessions/core/internal";
import type { HistoryEntry } from "../../../../packages/server/src/flows/rows/history/history-entry.ts";
import { nextStored, type StoredSession } from "../../../../packages/server/src/flows/rows/stored-session.ts";
import { keylessCipher } from "../../../../packages/server/src/secrets/owner-cipher.ts";
import { SOURCE_ABOVE_CENTS, transfer } from "../../src/flow.ts";
import { PROOF_ABOVE_CENTS } from "../../src/limits.ts";
import { feeCents, referenceOf, type Payment } from "../../src/server/ledger.ts";
import { aboutMs, uuidv7, type Customer, type Device } from "./customers.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

type Step = "recipient" | "amount" | "source" | "review";

/** How long people take for a step, and how many leave there for good. */
const habits: Readonly<Record<Step, { readonly medianMs: number; readonly left: number }>> = {
  recipient: { medianMs: 45_000, left: 0.08 },
  amount: { medianMs: 20_000, left: 0.11 },
  source: { medianMs: 75_000, left: 0.24 },
  review: { medianMs: 15_000, left: 0.05 },
};

const recipients = [
  { name: "Jeanne Peeters", iban: "BE68539007547034" },
  { name: "Grace Hopper", iban: "BE71096123456769" },
  { name: "Anna de Vries", iban: "NL91ABNA0417164300" },
  { name: "Stadtwerke Nord", iban: "DE89370400440532013000" },
  { name: "Claire Dubois", iban: "FR1420041010050500013M02606" },
] as const;

/** A refused command. The history of a session has none. */
export interface Refused {
  readonly atMs: number;
  readonly step: string;
  readonly code: string;
}

/** A payment with the number of its entry in the ledger. */
export interface BookedPayment extends Omit<Payment, "reference"> {
  readonly entry: number;
  readonly atMs: number;
}

/** One transfer, from its begin until its end or until now. */
export interface TransferLife {
  readonly owner: string;
  readonly stored: StoredSession;
  readonly entries: readonly HistoryEntry[];
  /** The money that it has moved; null if it was not completed. */
  readonly payment: BookedPayment | null;
  readonly refused: readonly Refused[];
  /** When its customer used which device, in order. */
  readonly uses: readonly { readonly atMs: number; readonly device: Device }[];
}

export interface LifeOptions {
  readonly customer: Customer;
  readonly beginMs: number;
  readonly endMs: number;
  readonly random: () => number;
  /** The number of the ledger's next entry. */
  readonly nextEntry: () => number;
}

/** The life of one transfer. The rules of the sessions judge each command, so its history verifies. */
export function liveTransfer({ customer, beginMs, endMs, random, nextEntry }: LifeOptions): TransferLife {
  const session = uuidv7(beginMs);
  const entries: HistoryEntry[] = [];
  const refused: Refused[] = [];
  const uses: { atMs: number; device: Device }[] = [];
  let device = random() < 0.6 ? customer.phone : customer.laptop;
  let atMs = beginMs;
  let stored: StoredSession | null = null;
  let payment: TransferLife["payment"] = null;

  const write = (snapshot: Snapshot, change: HistoryChange | null, command: Command | null) => {
    const next = nextStored(keylessCipher, stored, { snapshot }, change, command, command && transfer);
    if (next.entry !== null) entries.push(next.entry);
    stored = next.stored;
  };
  const send = (command: Command) => {
    const advanced = advance(transfer, stored?.snapshot ?? null, command, { nowMs: atMs, device });
    if (!advanced.accepted) {
      refused.push({ atMs, step: "step" in command ? command.step : "", code: advanced.refusal.code });
      return;
    }
    if (uses.at(-1)?.device !== device || atMs - uses.at(-1)!.atMs > 10 * MINUTE_MS) uses.push({ atMs, device });
    write(withResults(advanced.session, advanced.change), advanced.change, command);
  };
  /** As the handlers of the bank give them. */
  const withResults = (snapshot: Snapshot, change: HistoryChange | null): Snapshot => {
    if (change?.kind === "submit" && change.step === "amount") {
      return { ...snapshot, outputs: { ...snapshot.outputs, amount: { feeCents: feeCents(cents) } } };
    }
    if (snapshot.status !== "completed") return snapshot;
    const entry = nextEntry();
    const { name, iban } = recipient;
    const { owner } = customer;
    payment = { entry, session, owner, recipient: name, iban, cents, feeCents: feeCents(cents), atMs };
    return { ...snapshot, result: { reference: referenceOf(entry) } };
  };
  const submit = (step: Step, input: Json) => {
    const seen = seenBy(transfer, stored!.snapshot, step);
    send({ kind: "submit", id: uuidv7(atMs), session, version: transfer.version, step, input, seen });
  };
  /** They begin to fill the step in. */
  const type = (step: Step, field: string, value: Json) => {
    const fields = { [field]: draftFieldOf(value, nextStamp(device.id, atMs)) };
    send({ kind: "draft", id: uuidv7(atMs), session, version: transfer.version, step, fields });
  };
  const hasEnded = () =>
    atMs >= endMs || expireIfDue((stored as unknown as StoredSession).snapshot, atMs).status !== "active";
  /** A refusal of the server's own: its rules are not those of the session. */
  const refuse = (step: Step, code: string) => refused.push({ atMs, step, code });

  const recipient = recipients[Math.floor(random() * recipients.length)]!;
  let cents = centsOf(random);
  send({ kind: "start", id: uuidv7(atMs), session, version: transfer.version, flow: transfer.name });
  const steps: readonly Step[] = [
    "recipient",
    "amount",
    ...(cents > SOURCE_ABOVE_CENTS ? (["source"] as const) : []),
    "review",
  ];
  for (const step of steps) {
    const { medianMs, left } = habits[step];
    if (random() < left) {
      atMs += aboutMs(medianMs, random);
      if (random() < 0.35) send({ kind: "cancel", id: uuidv7(atMs), session, version: transfer.version });
      break;
    }
    atMs += aboutMs(medianMs / 4, random);
    if (random() < 0.14) {
      // They go on later, often on the other device.
      atMs += aboutMs(5 * HOUR_MS, random);
      if (random() < 0.75) device = device === customer.phone ? customer.laptop : customer.phone;
    }
    if (hasEnded()) break;
    if (step === "recipient") type(step, "name", recipient.name);
    if (step === "amount") type(step, "cents", cents);
    if (step === "source") type(step, "origin", "savings");
    atMs += aboutMs((medianMs * 3) / 4, random);
    if (hasEnded()) break;
    switch (step) {
      case "recipient":
        if (random() < 0.09) {
          submit(step, { name: recipient.name, iban: "BE00" });
          atMs += aboutMs(25_000, random);
        }
        submit(step, recipient);
        break;
      case "amount":
        if (random() < 0.04) {
          refuse(step, "rejected");
          atMs += aboutMs(30_000, random);
        }
        submit(step, { cents, ...(random() < 0.4 && { reference: "Invoice" }) });
        if (random() < 0.11) {
          atMs += aboutMs(40_000, random);
          cents += 100;
          submit(step, { cents });
        }
        break;
      case "source":
        submit(step, { origin: random() < 0.6 ? "savings" : "salary" });
        break;
      case "review":
        if (cents > PROOF_ABOVE_CENTS && random() < 0.4) {
          refuse(step, "sign_in_again");
          atMs += aboutMs(12_000, random);
        }
        if (random() < 0.012) refuse(step, "conflict");
        submit(step, { accepted: true });
        break;
    }
  }
  const last: Snapshot = stored!.snapshot;
  const expired = expireIfDue(last, endMs);
  if (expired !== last) write(expired, { kind: "end", status: "expired" }, null);
  return { owner: customer.owner, stored: stored!, entries, payment, refused, uses };
}

function centsOf(random: () => number): number {
  if (random() < 0.07) return SOURCE_ABOVE_CENTS + Math.floor(random() * 30_000) * 100;
  return 500 + Math.floor(random() ** 3 * 2_500) * 100;
}
