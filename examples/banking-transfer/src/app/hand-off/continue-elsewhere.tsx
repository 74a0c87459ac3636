import type { OfferResult } from "@sessions/client/sign-in";
import { useSessionsClient } from "@sessions/react";
import { useEffect, useId, useRef, useState } from "react";
import { transfer } from "../../flow.ts";
import { signInClient } from "../person/sign-in-client.ts";
import { rememberOffered } from "./offered-transfer.ts";

/** Shows the letters for another device of the same person, and how to let a strange one in. */
export function ContinueElsewhere({ id }: { readonly id: string }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <div className="elsewhere">
      <button type="button" className="button quiet" onClick={() => setOpen(true)}>
        Go on at a computer
      </button>
      {isOpen && <Letters id={id} onClose={() => setOpen(false)} />}
    </div>
  );
}

function Letters({ id, onClose }: { readonly id: string; onClose(): void }) {
  const sessions = useSessionsClient();
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  const [offer, setOffer] = useState<OfferResult | { readonly status: "loading" | "unanswered" }>({
    status: "loading",
  });
  useEffect(() => {
    dialog.current?.showModal();
    rememberOffered(id);
    let left = false;
    signInClient.handOff.offer(sessions.open(transfer, id)).then(
      (offered) => left || setOffer(offered),
      () => left || setOffer({ status: "unanswered" }),
    );
    return () => {
      left = true;
    };
  }, [sessions, id]);
  return (
    <dialog ref={dialog} className="question" aria-labelledby={heading} onClose={onClose}>
      <h2 id={heading}>Go on at a computer</h2>
      <p>
        On the computer, open <b className="address">{location.host}/hand-off</b>
      </p>
      <div role="status">
        {offer.status === "loading" && <p>One moment: your changes are being saved.</p>}
        {offer.status === "unanswered" && <p>The bank does not answer. Close this, and try again.</p>}
        {offer.status === "signed_out" && <p>You are signed out here. Sign in first.</p>}
        {offer.status === "offered" && (
          <>
            <p>If you are signed in there, type:</p>
            <p className="letters" aria-label={offer.letters.split("").join(" ")}>
              {offer.letters.slice(0, 4)} {offer.letters.slice(4)}
            </p>
            <p className="hint">Valid for five minutes, and only for you.</p>
            {!offer.saved && <p className="issue">The bank does not have your last changes yet. They will follow.</p>}
          </>
        )}
      </div>
      <p>If you are not signed in there, it shows a code: point this phone’s camera at it.</p>
      <div className="actions">
        <button type="button" className="button primary" onClick={() => dialog.current?.close()}>
          Done
        </button>
      </div>
    </dialog>
  );
}
