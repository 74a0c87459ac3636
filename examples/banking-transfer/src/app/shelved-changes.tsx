import type { Shelved } from "@sessions/client";
import { Facts, factsOf } from "./facts.tsx";
import type { Transfer } from "../flow.ts";
import { refusalText, stepNames, type TransferState } from "./wording.ts";

/** Changes of this device that could not be applied: what stands, what was wanted, and the person's choice. */
export function ShelvedChanges({ shelved, submissions }: Pick<TransferState, "shelved" | "submissions">) {
  // Without its start there is no transfer for the others: they are retried or let go of with it.
  const start = shelved.find(({ kind }) => kind === "start");
  return (start ? [start] : shelved).map((change) => (
    <ShelvedChange key={change.id} change={change} from={submissions[change.step ?? ""]?.device.name} />
  ));
}

/** `from`: the device that submitted what stands. */
function ShelvedChange({ change, from }: { readonly change: Shelved<Transfer>; readonly from: string | undefined }) {
  const { step, refusal, mine, theirs } = change;
  const conflict = refusal.code === "conflict" && step !== null;
  return (
    <section className="shelved" aria-label="A change to decide on" data-kind={change.kind}>
      <h2>{headingOf(change)}</h2>
      {conflict ? (
        <div className="versions">
          <Version
            title={from === undefined ? "As it stands" : `From ${from}`}
            facts={factsOf(step, theirs ?? undefined)}
          />
          <Version title="From here, not saved" facts={factsOf(step, mine)} />
        </div>
      ) : (
        <>
          <p>{refusalText(refusal)}</p>
          {step && <Facts facts={factsOf(step, mine)} />}
        </>
      )}
      <div className="actions">
        <button type="button" className="button" onClick={() => void change.discard()}>
          {conflict ? "Keep what stands" : "Let go of it"}
        </button>
        <button type="button" className="button primary" onClick={() => void change.retry()}>
          {conflict ? "Use yours" : "Try again"}
        </button>
      </div>
    </section>
  );
}

function Version({ title, facts }: { readonly title: string; readonly facts: ReturnType<typeof factsOf> }) {
  return (
    <div>
      <h3>{title}</h3>
      {facts.length > 0 ? <Facts facts={facts} /> : <p className="hint">Nothing</p>}
    </div>
  );
}

function headingOf({ kind, step, refusal }: Shelved<Transfer>): string {
  const name = step ? stepNames[step] : "A step";
  switch (kind) {
    case "start":
      return "This transfer is not open at the bank yet";
    case "cancel":
      return "This transfer was not cancelled";
    case "submit":
    case "draft":
      return refusal.code === "conflict" ? `${name} changed in two places` : `${name} could not be saved`;
  }
}
