import type { SignIn } from "@sessions/client/sign-in";
import { useRef, useState } from "react";
import { Link } from "../elements/navigation.tsx";
import { useTitle } from "../elements/title.ts";
import { useSignedInBrowsers } from "../person/signed-in-browsers.ts";
import { Visits } from "../person/visits.tsx";
import { ago, dateAndTime, useWaitsLong } from "../text/moment.ts";
import { placeText } from "../text/place.ts";
import { plainText } from "../text/plain-text.ts";

/** The browsers in which the person is signed in. One press ends one of them, or all others. */
export function SignInsPage() {
  useTitle("Where you are signed in");
  const { browsers, unanswered, news, end, endOthers } = useSignedInBrowsers();
  const heading = useRef<HTMLHeadingElement>(null);
  const [busy, setBusy] = useState(false);
  const late = useWaitsLong(browsers === null);
  // The bank's time, late by a minute at most: this page has asked it just now. The browser's own clock may be wrong.
  const nowMs = Math.max(...(browsers ?? []).map(({ lastUsed }) => Date.parse(lastUsed)));
  const others = browsers?.filter(({ current }) => !current) ?? [];
  const ownFirst = [...(browsers?.filter(({ current }) => current) ?? []), ...others];

  async function press(change: () => Promise<void>) {
    if (busy) return;
    setBusy(true);
    await change();
    setBusy(false);
    // The button that had the focus may be gone.
    if (document.activeElement === document.body) heading.current?.focus();
  }

  return (
    <main className="page sign-ins">
      <header>
        <p>
          <Link to="/">Back to your account</Link>
        </p>
        <h1 ref={heading} tabIndex={-1}>
          Where you are signed in
        </h1>
        <p className="hint">
          Sign out of a browser that you do not know or no longer use. What was typed there stays on that device.
        </p>
      </header>
      <p className={unanswered ? "said issue" : "said"} role="status">
        {unanswered ? "The bank did not answer. Look at the list, and try again." : news}
      </p>
      {browsers === null && (
        <p className="hint" role="status">
          {late ? "Not known yet: the bank has not answered." : "Looking…"}
        </p>
      )}
      <ul className="browsers">
        {ownFirst.map((browser) => (
          <Browser
            key={browser.id}
            browser={browser}
            nowMs={nowMs}
            busy={busy}
            onEnd={() => void press(() => end(browser))}
          />
        ))}
      </ul>
      {browsers !== null && (
        <div className="everywhere-else">
          <button
            type="button"
            className="button"
            aria-disabled={others.length === 0 || busy}
            onClick={() => others.length > 0 && void press(endOthers)}
          >
            Sign out everywhere else
          </button>
          {others.length === 0 && <span className="hint">You are signed in nowhere else.</span>}
        </div>
      )}
      <Visits />
    </main>
  );
}

interface BrowserProps {
  readonly browser: SignIn;
  readonly nowMs: number;
  readonly busy: boolean;
  onEnd(): void;
}

function Browser({ browser, nowMs, busy, onEnd }: BrowserProps) {
  const { device, place, since, lastUsed, current } = browser;
  const name = plainText(device);
  return (
    <li>
      <h2>
        {name}
        {current && <span className="badge">This browser</span>}
      </h2>
      {!current && (
        <button type="button" className="button" aria-disabled={busy} onClick={onEnd}>
          Sign out<span className="hidden"> of {name}</span>
        </button>
      )}
      <dl>
        {place !== null && <Fact label="Place" text={placeText(place)} />}
        <Fact label="Signed in" text={dateAndTime(since)} />
        <Fact label="Last used" text={current ? "now" : ago(lastUsed, nowMs)} />
      </dl>
    </li>
  );
}

function Fact({ label, text }: { readonly label: string; readonly text: string }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{text}</dd>
    </div>
  );
}
