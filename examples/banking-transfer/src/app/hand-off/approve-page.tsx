import type { LookResult } from "@sessions/client/sign-in";
import { useSessions, useSessionsClient } from "@sessions/react";
import { useCallback, useEffect, useState } from "react";
import { transfer } from "../../flow.ts";
import { navigate } from "../elements/navigation.tsx";
import { PasswordQuestion } from "../elements/password-question.tsx";
import { useTitle } from "../elements/title.ts";
import { proveAgain, type User } from "../person/current-user.ts";
import { signInClient } from "../person/sign-in-client.ts";
import { ago, useNow } from "../text/moment.ts";
import { plainText } from "../text/plain-text.ts";
import { titleOf } from "../transfer/wording.ts";
import { offeredTransfer } from "./offered-transfer.ts";

type Seen = LookResult | { readonly status: "loading" | "unanswered" | "wrong_number" | "declined" };

/** The phone has scanned a code: it shows what asks, and the person picks the number on the other screen. */
export function ApprovePage({ user, code }: { readonly user: User; readonly code: string }) {
  useTitle("A computer asks");
  const sessions = useSessionsClient();
  const { active, loading } = useSessions(transfer);
  const open = active.filter(({ status, sync }) => status === "active" && sync.state !== "outdated");
  const [chosen, setChosen] = useState(offeredTransfer());
  const shown = open.find(({ id }) => id === chosen) ?? open[0];
  const [seen, setSeen] = useState<Seen>({ status: "loading" });
  const [busy, setBusy] = useState(false);
  const nowMs = useNow();

  const attempt = useCallback(async (ask: () => Promise<Seen | null>) => {
    setBusy(true);
    try {
      const next = await ask();
      if (next !== null) setSeen(next);
    } catch {
      setSeen({ status: "unanswered" });
    } finally {
      setBusy(false);
    }
  }, []);
  const look = useCallback(() => attempt(() => signInClient.handOff.look(code)), [attempt, code]);
  useEffect(() => void look(), [look]);

  async function approve(number: number, id: string): Promise<Seen | null> {
    const answer = await signInClient.handOff.approve(code, number, sessions.open(transfer, id));
    if (answer.status !== "approved") return answer;
    navigate(`/transfers/${id}`, { replace: true });
    return null;
  }

  async function prove(password: string): Promise<string | null> {
    const problem = await proveAgain(password).catch(() => "The bank did not answer. Try again.");
    if (problem === null) await look();
    return problem;
  }

  if (seen.status !== "asked") {
    return (
      <main className="page hand-off">
        <article className="card">
          <h1>A computer asks</h1>
          <p role="status">{texts[seen.status]}</p>
          <div className="actions">
            {seen.status === "unanswered" && (
              <button type="button" className="button primary" onClick={() => void look()}>
                Try again
              </button>
            )}
            <button type="button" className="button" onClick={() => navigate("/", { replace: true })}>
              To your account
            </button>
          </div>
        </article>
        {seen.status === "sign_in_again" && (
          <PasswordQuestion
            title="Enter your password to go on"
            username={user.id}
            yes="Go on"
            obstacle={null}
            onPassword={prove}
            onCancel={() => navigate("/", { replace: true })}
          >
            <p>The bank asks for your password before another device takes part.</p>
          </PasswordQuestion>
        )}
      </main>
    );
  }
  return (
    <main className="page hand-off">
      <article className="card">
        <h1>A computer asks to take part</h1>
        <dl className="asker">
          <div>
            <dt>Device</dt>
            <dd>{plainText(seen.device)}</dd>
          </div>
          <div>
            <dt>Place</dt>
            <dd>{seen.place === null ? "Not known" : plainText(seen.place)}</dd>
          </div>
          <div>
            <dt>Asked</dt>
            <dd>{ago(seen.askedAt, nowMs)}</dd>
          </div>
        </dl>
        <p>
          It may fill in one transfer. It cannot send money, and sees nothing else. Go on only if the computer is in
          front of you.
        </p>
        {shown === undefined ? (
          <p role="status">{loading ? "Looking for your transfers…" : "You have no open transfer to go on with."}</p>
        ) : (
          <>
            <label className="chosen">
              <span>Transfer</span>
              <select value={shown.id} onChange={({ target }) => setChosen(target.value)}>
                {open.map((state) => (
                  <option key={state.id} value={state.id}>
                    {titleOf(state)}
                  </option>
                ))}
              </select>
            </label>
            <h2>Which number does the computer show?</h2>
            <div className="numbers">
              {seen.numbers.map((number) => (
                <button
                  key={number}
                  type="button"
                  className="button"
                  aria-disabled={busy}
                  onClick={() => !busy && void attempt(() => approve(number, shown.id))}
                >
                  {number}
                </button>
              ))}
            </div>
          </>
        )}
        <button
          type="button"
          className="button danger wide"
          aria-disabled={busy}
          onClick={() =>
            !busy &&
            void attempt(async () => {
              await signInClient.handOff.decline(code);
              return { status: "declined" };
            })
          }
        >
          Not my computer: refuse
        </button>
      </article>
    </main>
  );
}

const texts: Readonly<Record<Exclude<Seen["status"], "asked">, string>> = {
  loading: "One moment…",
  unanswered: "The bank does not answer.",
  gone: "This code is not valid any more. Each one is valid for a minute, and only once. Scan the code that the computer shows now.",
  wrong_number:
    "That is not the number on the computer, so nothing was opened. If the computer is yours, scan its new code.",
  declined: "Refused: the computer has got nothing.",
  sign_in_again: "The bank asks for your password first.",
  signed_out: "You are signed out here. Sign in first.",
};
