import { deviceNameOf } from "../person/device.ts";
import { useTitle } from "../elements/title.ts";
import type { User } from "../person/current-user.ts";

/** Two devices of one person beside each other, each the whole application in a frame of its own. */
export function SideBySidePage({ user }: { readonly user: User }) {
  useTitle("A phone and a laptop");
  return (
    <main className="side-by-side">
      <header>
        <h1>Begin on the phone, finish on the laptop</h1>
        <p>
          Press <b>New transfer</b> on the phone and type. Press <b>Resume</b> on the laptop: every letter is there
          already. Go on with either.
        </p>
      </header>
      <div className="devices">
        <Device kind="phone" person={user.name} />
        <Device kind="laptop" person={user.name} />
      </div>
    </main>
  );
}

function Device({ kind, person }: { readonly kind: "phone" | "laptop"; readonly person: string }) {
  const name = deviceNameOf(person, kind);
  return (
    <figure className={`device ${kind}`}>
      <iframe title={name} src={`/?profile=${kind}`} />
      <figcaption>{name}</figcaption>
    </figure>
  );
}
