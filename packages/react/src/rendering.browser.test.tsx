import { startTransition, StrictMode, Suspense, useLayoutEffect, useRef, useState } from "react";
import { createRoot, hydrateRoot } from "react-dom/client";
import { expect, test, vi } from "vitest";
// The client's own scripted server, so that both packages are tested against one.
// oxlint-disable eslint/no-restricted-imports
import { openTab, someone } from "../../client/src/testing/devices.ts";
import { ScriptedServer } from "../../client/src/testing/scripted-server.ts";
import { recipient, transfer } from "../../client/src/testing/transfer.ts";
// oxlint-enable eslint/no-restricted-imports
import { SessionsProvider, useSession, useStartedSession, useSuspenseSession } from "./index.ts";
import { container, unmountAfterTest, render } from "./testing/page.tsx";
import { note, serverHtml, ServerPage } from "./testing/server-page.tsx";
import { textOf } from "./testing/text.ts";

function device(owner = someone()) {
  const server = new ScriptedServer([transfer]);
  return { server, owner, sessions: openTab(server, { owner }) };
}

const startsOf = (server: ScriptedServer) =>
  server.pushes.flatMap(({ commands }) => commands).filter(({ kind }) => kind === "start");

test("a session that is started with its page is started once, in StrictMode and when the page renders again", async () => {
  const { server, sessions } = device();
  let effects = 0;
  function Begun() {
    const session = useStartedSession(transfer);
    const [renders, again] = useState(0);
    useLayoutEffect(() => void (effects += 1), []);
    return <button onClick={() => again(renders + 1)}>{`${session?.id} ${renders}`}</button>;
  }
  const element = render(sessions, <Begun />);
  const button = await vi.waitUntil(() => element.querySelector("button"));
  await vi.waitFor(() => expect(startsOf(server)).toHaveLength(1));
  button.click();
  const { id } = sessions.list(transfer).state.active[0]!;
  await vi.waitFor(() => expect(button.textContent).toBe(`${id} 1`));
  await sessions.open(transfer, id).submit("recipient", recipient);
  expect(startsOf(server)).toHaveLength(1);
  expect(sessions.list(transfer).state.active).toHaveLength(1);
  // If this fails, React was not strict.
  expect(effects).toBe(2);
});

test("another person's sessions have a started session of their own", async () => {
  const [ada, grace] = [device(), device()];
  function Begun() {
    return useStartedSession(transfer)?.id;
  }
  const element = container();
  const root = unmountAfterTest(createRoot(element));
  const ids = [];
  for (const { server, sessions } of [ada, grace]) {
    root.render(
      <SessionsProvider sessions={sessions}>
        <Begun />
      </SessionsProvider>,
    );
    await vi.waitFor(() => expect(startsOf(server)).toHaveLength(1));
    const [started] = startsOf(server);
    await vi.waitFor(() => expect(element.textContent).toBe(started!.session));
    ids.push(started!.session);
  }
  expect(new Set(ids).size).toBe(2);
});

test("all components of one screen show one revision, also while React renders it piece by piece", async () => {
  const { sessions } = device();
  const session = sessions.start(transfer);
  await vi.waitFor(() => expect(session.state.revision).toBe(1));
  const torn: string[] = [];
  let between = () => {};
  // Long enough that React lets the browser in between.
  const slowly = vi.fn(() => {
    const until = performance.now() + 5;
    while (performance.now() < until);
    if (slowly.mock.calls.length === 4) queueMicrotask(between);
  });

  function Piece() {
    const { drafts } = useSession(transfer, session.id);
    slowly();
    return <i>{textOf(drafts.amount?.cents)}</i>;
  }
  function Screen() {
    const [pieces, more] = useState(1);
    const screen = useRef<HTMLDivElement>(null);
    useLayoutEffect(() => {
      const shown = new Set([...screen.current!.querySelectorAll("i")].map(({ textContent }) => textContent));
      if (shown.size > 1) torn.push([...shown].join());
    });
    return (
      <div ref={screen}>
        <button onClick={() => startTransition(() => more(40))} />
        {Array.from({ length: pieces }, (_, index) => (
          <Piece key={index} />
        ))}
      </div>
    );
  }
  const element = render(sessions, <Screen />);
  const button = await vi.waitUntil(() => element.querySelector("button"));
  slowly.mockClear();
  const shown: number[] = [];
  between = () => {
    shown.push(element.querySelectorAll("i").length);
    session.draft("amount", { cents: 7 });
  };
  button.click();
  await vi.waitFor(() => expect(element.textContent).toBe("7".repeat(40)), { timeout: 10_000 });
  expect(torn).toEqual([]);
  // Some pieces were rendered then, and not yet on the screen.
  expect(shown).toEqual([1]);
});

function Known({ id, onWait }: { readonly id: string; readonly onWait: (waitedFor: unknown) => void }) {
  const { status, progress } = useNoticed(id, onWait);
  return <p>{`${status} ${progress.current}`}</p>;
}

/** Records the values that are thrown to React. */
function useNoticed(id: string, onWait: (waitedFor: unknown) => void) {
  try {
    // The hook is called at every render, and this throws its errors on.
    // oxlint-disable-next-line react-hooks/rules-of-hooks
    return useSuspenseSession(transfer, id);
  } catch (thrown) {
    onWait(thrown);
    throw thrown;
  }
}

test("a component suspends until it is known whether its session exists", async () => {
  const { server, owner, sessions: phone } = device();
  const session = phone.start(transfer);
  await session.submit("recipient", recipient);
  const laptop = openTab(server, { owner, profile: "laptop" });
  const shown = new Set<string>();
  const onWait = vi.fn<(waitedFor: unknown) => void>();
  const element = container();
  new MutationObserver(() => shown.add(element.innerText)).observe(element, { subtree: true, childList: true });
  unmountAfterTest(createRoot(element)).render(
    <StrictMode>
      <SessionsProvider sessions={laptop}>
        <Suspense fallback="Looking…">
          <Known id={session.id} onWait={onWait} />
          <Known id="0190b2f4-0000-7000-8000-0000000000ff" onWait={onWait} />
        </Suspense>
      </SessionsProvider>
    </StrictMode>,
  );
  await vi.waitFor(() => expect(element.innerText).toBe("active amount\n\nmissing recipient"));
  expect([...shown].filter(Boolean)).toEqual(["Looking…", "active amount\n\nmissing recipient"]);
  // React rendered many times, but waited for each session once.
  expect(onWait.mock.calls.length).toBeGreaterThan(2);
  expect(new Set(onWait.mock.calls.flat()).size).toBe(2);
  // Once known it is shown at once.
  await session.submit("amount", { cents: 1 });
  await vi.waitFor(() => expect(element.innerText).toContain("active review"));
  expect([...shown].filter((text) => text === "Looking…")).toHaveLength(1);
});

test("what a server rendered becomes the session, and React has nothing to complain of", async () => {
  const server = new ScriptedServer([note]);
  const sessions = openTab(server, { owner: someone(), flows: [note] });
  const session = sessions.start(note);
  await session.draft("text", { text: "…" }).settled;
  const element = container(serverHtml);
  const complaints = vi.spyOn(console, "error");
  const recovered: unknown[] = [];
  const page = <ServerPage sessions={sessions} id={session.id} />;
  unmountAfterTest(hydrateRoot(element, page, { onRecoverableError: (error) => recovered.push(error) }));
  await vi.waitFor(() => expect(element.innerText).toBe("2 false\n\nactive text saved\n\nbegun\n\nactive once"));
  expect(element.querySelector("input")!.value).toBe("…");
  expect(complaints).not.toHaveBeenCalled();
  // React renders a component that suspends only in the browser, and says so.
  expect(recovered.map(String)).toEqual([expect.stringContaining("Switched to client rendering")]);
});
