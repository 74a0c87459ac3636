import type { HandOffRequestState } from "@sessions/client/sign-in";
import { useHandOffRequest } from "@sessions/react/sign-in";
import { Link } from "../elements/navigation.tsx";
import { useTitle } from "../elements/title.ts";
import { signInClient } from "../person/sign-in-client.ts";
import { QrCode } from "./qr-code.tsx";

/**
 * A computer on which nobody is signed in: it shows a code for the phone's camera, and a number. `notice`: why somebody is
 * not in here any more.
 */
export function HandOffRequestPage({ notice }: { readonly notice: string | null }) {
  useTitle("Continue from your phone");
  const { state, again } = useHandOffRequest(signInClient);
  return (
    <main className="page hand-off alone">
      <article className="card">
        <p className="brand">Harbour Bank</p>
        <h1>Continue from your phone</h1>
        {notice && <p>{notice}</p>}
        {state.status === "asking" ? (
          <>
            <ol>
              <li>On your phone, open the transfer.</li>
              <li>Point the phone’s camera at this code.</li>
              <li>On the phone, choose the number that you see here.</li>
            </ol>
            <div className="asking">
              <QrCode text={`${location.origin}/hand-off#${state.code}`} label="A code for the camera of your phone" />
              <p className="number">
                <span className="hint">Your number</span>
                <strong>{state.number}</strong>
              </p>
            </div>
            <p className="hint">
              This computer will see one transfer, and can fill it in. The money is sent from your phone alone.
            </p>
          </>
        ) : (
          <p role="status">{texts[state.status]}</p>
        )}
        <div className="actions">
          {(state.status === "paused" || state.status === "too_many") && (
            <button type="button" className="button primary" onClick={again}>
              Show a code
            </button>
          )}
          <Link to="/" className="button">
            Sign in instead
          </Link>
        </div>
      </article>
    </main>
  );
}

const texts: Readonly<Record<Exclude<HandOffRequestState["status"], "asking">, string>> = {
  loading: "One moment…",
  unreachable: "The bank does not answer. Trying again every few seconds…",
  paused: "Nobody has used the code for ten minutes.",
  too_many: "Too many computers ask for a code just now. Try again in a minute.",
  signed_in: "Somebody is signed in here already.",
  unsupported: "This page can show a code only at an address that begins with https.",
  guest: "One moment: your transfer is being opened…",
};
