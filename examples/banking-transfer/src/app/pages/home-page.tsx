import { useSessions } from "@sessions/react";
import { transfer } from "../../flow.ts";
import { OPEN_AT_MOST } from "../../limits.ts";
import { AccountCard } from "../person/account-card.tsx";
import type { DeviceNaming } from "../person/device-name.ts";
import { profile } from "../person/device.ts";
import { ago, dateAndTime, useNow, useWaitsLong } from "../text/moment.ts";
import { Link, navigate } from "../elements/navigation.tsx";
import { ThisDevice } from "../person/this-device.tsx";
import { useTitle } from "../elements/title.ts";
import {
  deviceText,
  stepNames,
  syncText,
  titleOf,
  type EndedTransfer,
  type TransferState,
} from "../transfer/wording.ts";

/** The account, the open transfers of all devices, and the ended ones. */
export function HomePage({ device }: { readonly device: DeviceNaming }) {
  useTitle("Your account");
  const { active, ended, more, loading, blocked, start, loadMore } = useSessions(transfer);
  const late = useWaitsLong(loading);
  const none = (text: string) => {
    if (blocked) return "Not known just now.";
    if (loading) return late ? "Not known yet: the bank has not answered." : "Looking…";
    return text;
  };
  // The list also holds transfers that the bank refused to open.
  const full = active.filter(({ status }) => status === "active").length >= OPEN_AT_MOST;

  return (
    <main className="page home">
      <h1 className="hidden">Your account</h1>
      <AccountCard ended={ended[0]?.id ?? null} />
      <div className="new">
        <button
          type="button"
          className="button primary"
          aria-disabled={full}
          aria-describedby="full"
          onClick={() => !full && navigate(`/transfers/${start().id}`)}
        >
          New transfer
        </button>
        <span id="full" className="hint">
          {full && `${OPEN_AT_MOST} transfers are open, the most at once. Finish or cancel one first.`}
        </span>
        {profile === "" && <a href="/side-by-side">See a phone and a laptop side by side</a>}
      </div>
      <p className="hint" role="status">
        {blocked &&
          "Something between this device and the bank refuses to list your transfers. This page goes on asking."}
      </p>
      <section aria-labelledby="open">
        <h2 id="open">Open transfers</h2>
        {active.length === 0 && (
          <p className="hint empty">{none("None. Begin one here and go on with it on any device.")}</p>
        )}
        <ul className="transfers">
          {active.map((state) => (
            <OpenTransferItem key={state.id} state={state} />
          ))}
        </ul>
      </section>
      <section aria-labelledby="ended">
        <h2 id="ended">Past transfers</h2>
        {ended.length === 0 && <p className="hint empty">{none("None yet.")}</p>}
        <ul className="transfers">
          {ended.map((state) => (
            // This list holds ended transfers only.
            <EndedTransferItem key={state.id} state={state as EndedTransfer} />
          ))}
        </ul>
        {more && (
          <button type="button" className="button" aria-disabled={loading} onClick={() => void loadMore()}>
            Show earlier ones
          </button>
        )}
      </section>
      <ThisDevice name={device.name} onRename={(name) => device.rename(name)} />
    </main>
  );
}

function OpenTransferItem({ state }: { readonly state: TransferState }) {
  const { id, status, progress, device, updatedAt, sync, shelved, confirming } = state;
  const nowMs = useNow();
  const step = progress.current ? stepNames[progress.current] : "Review";
  const title = titleOf(state);
  const refused = status === "missing";
  const outcomeUnknown = confirming !== null;
  const waiting =
    outcomeUnknown || shelved.length > 0 || (sync.state === "offline" && sync.pending > 0) || sync.state === "outdated";
  return (
    <li>
      <div>
        <strong>{title}</strong>
        {status === "active" && (
          <span>
            {step}, {progress.position} of {progress.total}; last on {deviceText(device)}, {ago(updatedAt, nowMs)}
          </span>
        )}
        {refused && <span>The bank has not opened it</span>}
        {waiting && <span className="unsaved">{syncText(state, outcomeUnknown)}</span>}
      </div>
      <Link to={`/transfers/${id}`} className="button">
        {refused ? "Decide" : "Resume"}
        <span className="hidden"> {title}</span>
      </Link>
    </li>
  );
}

/** How a transfer ended: as the bank confirmed it, or as this device expects it until then. */
const ends = {
  confirmed: { completed: "Sent", cancelled: "Cancelled", expired: "Ran out of time" },
  expected: {
    completed: "Being sent",
    cancelled: "Will be cancelled when the bank is reached",
    expired: "Its time seems to have run out",
  },
} as const;

function EndedTransferItem({ state }: { readonly state: EndedTransfer }) {
  const { id, status, provisional, result, endedAt, shelved } = state;
  const known = provisional ? "expected" : "confirmed";
  const end = result?.reference ?? ends[known][status];
  const title = titleOf(state);
  return (
    <li data-status={status} data-known={known}>
      <div>
        <strong>{title}</strong>
        <span>
          {end}
          {!provisional && `, ${dateAndTime(endedAt)}`}
        </span>
        {shelved.length > 0 && <span className="unsaved">A change from here came too late</span>}
      </div>
      <Link to={`/transfers/${id}`}>
        Details<span className="hidden"> of {title}</span>
      </Link>
    </li>
  );
}
