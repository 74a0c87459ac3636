import type { Json } from "@sessions/core";
import { useSessionsClient } from "@sessions/react";
import { useRef } from "react";
import { transfer } from "../../flow.ts";
import { Facts, factsWanted } from "../transfer/facts.tsx";
import { navigate } from "../elements/navigation.tsx";
import type { TransferState, TransferStep } from "../transfer/wording.ts";

/** Changes that reached the bank after the transfer's end. The person discards them, or uses them in a new transfer. */
export function LateChanges({ shelved }: Pick<TransferState, "shelved">) {
  const sessions = useSessionsClient();
  const leaving = useRef(false);
  const facts = factsWanted(shelved);
  if (shelved.length === 0) return null;

  async function discard() {
    for (const change of shelved) await (change.type === "conflict" ? change.takeTheirs() : change.discard());
  }

  async function startWithThem() {
    // Two presses start one transfer.
    if (leaving.current) return;
    leaving.current = true;
    const started = sessions.start(transfer);
    // Each change has the fields of its own step. The compiler cannot follow this through a union of steps.
    const draft = started.draft as (step: TransferStep, fields: Json) => ReturnType<typeof started.draft>;
    for (const { step, mine } of shelved) if (step !== null && step !== "review") await draft(step, mine).stored;
    navigate(`/transfers/${started.id}`);
    await discard();
  }

  return (
    <section className="shelved" aria-label="A change to decide on">
      <h2>{facts.length > 0 ? "What you changed here came too late" : "It was not cancelled from here"}</h2>
      <p>The transfer had ended before this device reached the bank.</p>
      {facts.length > 0 && <Facts facts={facts} />}
      <div className="actions">
        <button type="button" className="button" onClick={() => void discard()}>
          Discard
        </button>
        {facts.length > 0 && (
          <button type="button" className="button primary" onClick={() => void startWithThem()}>
            Use it in a new transfer
          </button>
        )}
      </div>
    </section>
  );
}
