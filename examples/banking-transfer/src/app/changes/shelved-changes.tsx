import type { RefusedChange, ShelvedChange } from "@sessions/client";
import { ConflictChoice } from "./conflict-choice.tsx";
import { Facts, factsWanted, type Fact } from "../transfer/facts.tsx";
import type { Transfer } from "../../flow.ts";
import { ago, useNow } from "../text/moment.ts";
import { navigate } from "../elements/navigation.tsx";
import { deviceText, refusalText, stepNames, type Fields, type TransferState } from "../transfer/wording.ts";

/** Changes of this device that the bank did not apply, and the person's choices for each. */
export function ShelvedChanges({ id, shelved, submissions, drafts }: TransferState) {
  // The other changes need the start. They are retried or discarded with it.
  const start = shelved.find(({ kind }) => kind === "start");
  return (start ? [start] : shelved).map((change) => (
    <Decision
      key={change.id}
      transfer={id}
      change={change}
      facts={factsWanted(start ? shelved : [change])}
      from={submissions[change.step ?? ""]?.device.name}
      typed={(change.kind === "draft" && change.step && drafts[change.step]) || {}}
    />
  ));
}

function Decision(props: {
  readonly transfer: string;
  readonly change: ShelvedChange<Transfer>;
  /** The values of the change. */
  readonly facts: readonly Fact[];
  /** The device that submitted the current values. */
  readonly from: string | undefined;
  /** The current values that are typed and not submitted. */
  readonly typed: Fields;
}) {
  const { transfer, change, facts, from, typed } = props;
  return (
    <section className="shelved" aria-label="A change to decide on" data-kind={change.kind}>
      <h2>{headingOf(change)}</h2>
      {change.type === "conflict" && change.typedOver && <TypedOver at={change.typedOver.at} />}
      {change.type === "conflict" ? (
        <ConflictChoice transfer={transfer} conflict={change} from={from} typed={typed} />
      ) : (
        <RetryOrDiscard change={change} facts={facts} />
      )}
    </section>
  );
}

function TypedOver({ at }: { readonly at: string }) {
  const nowMs = useNow();
  return (
    <p>
      It did so {ago(at, nowMs)}, before your text had reached it. Your text is kept on this device until you choose.
    </p>
  );
}

function RetryOrDiscard(props: { readonly change: RefusedChange<Transfer>; readonly facts: readonly Fact[] }) {
  const { change, facts } = props;

  async function discard() {
    await change.discard();
    // Without its start, the transfer does not exist.
    if (change.kind === "start") navigate("/");
  }
  return (
    <>
      <p>{refusalText(change.refusal)}</p>
      {facts.length > 0 && <Facts facts={facts} />}
      <div className="actions">
        <button type="button" className="button" onClick={() => void discard()}>
          Discard
        </button>
        <button type="button" className="button primary" onClick={() => void change.retry()}>
          Try again
        </button>
      </div>
    </>
  );
}

function headingOf(change: ShelvedChange<Transfer>): string {
  const { kind, step } = change;
  const isConflict = change.type === "conflict";
  if (change.type === "conflict" && change.typedOver) {
    return `${sentenceCase(deviceText(change.typedOver.device))} typed over what you wrote here`;
  }
  const name = step ? stepNames[step] : "A step";
  switch (kind) {
    case "start":
      return "This transfer is not open at the bank yet";
    case "cancel":
      return "This transfer was not cancelled";
    case "submit":
      return isConflict ? `${name} changed in two places` : `${name} could not be saved`;
    case "draft":
      return isConflict ? `${name} was filled in elsewhere while you typed here` : `${name} could not be saved`;
  }
}

function sentenceCase(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
