import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { afterEach, expect, test, vi } from "vitest";
import { createSignInClient, type SignInClient } from "@sessions/client/sign-in";
// The client's own scripted server, so that both packages are tested against one.
// oxlint-disable-next-line eslint/no-restricted-imports
import { stubSignIns } from "../../../client/src/testing/scripted-sign-ins.ts";
import { container, unmountAfterTest } from "../testing/page.tsx";
import { useHandOffRequest, useGuests, useSignIn } from "./index.ts";

const server = stubSignIns();
const opened: SignInClient[] = [];
afterEach(() => {
  for (const client of opened.splice(0)) client.close();
});

const target = { session: "s", flow: "transfer", step: "amount" };

function RequestScreen({ client }: { readonly client: SignInClient }) {
  const { state } = useHandOffRequest(client);
  const known = useSignIn(client);
  return (
    <output>{`${state.status} ${state.status === "asking" ? `${state.code} ${state.number}` : known.status}`}</output>
  );
}

/** The screen of a computer. */
function computer() {
  const client = createSignInClient({ url: server().url });
  opened.push(client);
  const element = container();
  const root = createRoot(element);
  unmountAfterTest(root).render(
    <StrictMode>
      <RequestScreen client={client} />
    </StrictMode>,
  );
  const shows = (text: string) => vi.waitFor(() => expect(element.textContent).toBe(text), { timeout: 5_000 });
  const hasCode = () => vi.waitFor(() => expect(element.textContent).toMatch(/^asking code \d+ 42$/));
  return { client, root, element, shows, hasCode };
}

const newest = () => server().handOffs.requests.at(-1)!;
const approve = () => Object.assign(newest(), { status: "approved", target: { ...target, owner: "ada" } });

test("S21: a computer shows a code and a number, and is a guest after the approval, also when the reply of the claim is lost", async () => {
  const { hasCode, shows } = computer();
  await hasCode();
  server().faults.lostReplies = 1;
  approve();
  await shows("guest guest");
  expect(server().live).toHaveLength(2);
});

test("a code stays on the screen while the network is cut, and lets the computer in afterwards", async () => {
  const { element, hasCode, shows } = computer();
  await hasCode();
  const shown = element.textContent;
  const [network, cut] = [globalThis.fetch, vi.fn(() => Promise.reject(new TypeError("Failed to fetch")))];
  vi.stubGlobal("fetch", cut);
  approve();
  await vi.waitFor(() => expect(cut.mock.calls.length).toBeGreaterThan(1), { timeout: 5_000 });
  expect(element.textContent).toBe(shown);
  vi.stubGlobal("fetch", network);
  await shows("guest guest");
});

test("S21: after a decline, or a wrong number, another code is shown, and the one before lets nobody in", async () => {
  const { element, hasCode } = computer();
  await hasCode();
  const shown = element.textContent;
  newest().status = "gone";
  await vi.waitFor(() => expect(element.textContent).not.toBe(shown), { timeout: 5_000 });
  await hasCode();
});

test("a screen that a person has left keeps no request", async () => {
  const { root, hasCode } = computer();
  await hasCode();
  root.unmount();
  await vi.waitFor(async () => {
    const names = (await indexedDB.databases()).map(({ name }) => name);
    expect(names.filter((name) => name?.includes(server().url))).toEqual([]);
  });
});

function Guests({ client }: { readonly client: SignInClient }) {
  const { guests, end } = useGuests(client, "s");
  return (
    <div>
      {guests.map(({ id }) => (
        <button key={id} type="button" onClick={() => void end(id)}>
          {id}
        </button>
      ))}
    </div>
  );
}

/** A phone of Ada, with a guest of the session and one of another. */
async function phoneWithGuests() {
  const here = server().signInAs("ada");
  const guest = { id: "guest", owner: "ada", csrf: "", guestSession: "s" };
  server().live.push(guest, { ...guest, id: "other", guestSession: "another" });
  const client = createSignInClient({ url: server().url });
  opened.push(client);
  const element = container();
  unmountAfterTest(createRoot(element)).render(<Guests client={client} />);
  await vi.waitFor(() => expect(element.textContent).toBe("guest"));
  return { here, client, element };
}

test("S21: the phone shows the guests of this session alone, and one press ends one", async () => {
  const { element } = await phoneWithGuests();
  element.querySelector("button")!.click();
  await vi.waitFor(() => expect(element.textContent).toBe(""));
  expect(server().live.map(({ id }) => id)).not.toContain("guest");
});

test("a phone from which the owner has signed out shows no guests", async () => {
  const { client, element } = await phoneWithGuests();
  await client.signOut();
  await vi.waitFor(() => expect(element.textContent).toBe(""));
});
