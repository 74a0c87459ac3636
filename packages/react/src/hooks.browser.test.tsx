import { createRoot, hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { expect, test, vi } from "vitest";
// The client's own scripted server, so that both packages are tested against one.
// oxlint-disable eslint/no-restricted-imports
import { openTab, someone } from "../../client/src/testing/devices.ts";
import { ScriptedServer } from "../../client/src/testing/scripted-server.ts";
import { recipient, transfer } from "../../client/src/testing/transfer.ts";
// oxlint-enable eslint/no-restricted-imports
import { SessionsProvider, useSession, useSessions, useSessionsClient, type UseSessionResult } from "./index.ts";
import { container, unmountAfterTest, render, type } from "./testing/page.tsx";

function Amount({ id, onRender }: { id: string; onRender?: (used: UseSessionResult<typeof transfer>) => void }) {
  const session = useSession(transfer, id);
  onRender?.(session);
  const { name } = session.drafts.recipient ?? {};
  return (
    <form>
      <output>{`${session.status} ${session.progress.current ?? "done"} ${session.sync.state}`}</output>
      <input
        value={typeof name === "string" ? name : ""}
        onChange={({ target }) => session.draft("recipient", { name: target.value })}
      />
      <button type="button" onClick={() => void session.submit("recipient", recipient)} />
    </form>
  );
}

test("a component shows a session, what is typed in it and what another device does", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const phone = openTab(server, { owner, profile: "phone" });
  const laptop = openTab(server, { owner, profile: "laptop" });
  const session = phone.start(transfer);
  await session.draft("recipient", { name: "A" }).settled;

  const element = render(laptop, <Amount id={session.id} />);
  const input = await vi.waitUntil(() => element.querySelector("input"));
  const output = element.querySelector("output")!;
  await vi.waitFor(() => expect(output.textContent).toBe("active recipient saved"));
  expect(input.value).toBe("A");

  type(input, "Ada");
  // A form's text stays where it was typed: the value is there in the same turn.
  expect(laptop.open(transfer, session.id).state.drafts.recipient).toEqual({ name: "Ada" });
  await vi.waitFor(() => expect(session.state.drafts.recipient).toEqual({ name: "Ada" }));
  expect(input.value).toBe("Ada");

  element.querySelector("button")!.click();
  await vi.waitFor(() => expect(output.textContent).toBe("active amount saved"));
});

test("the actions stay the same from render to render", async () => {
  const server = new ScriptedServer([transfer]);
  const sessions = openTab(server, { owner: someone() });
  const session = sessions.start(transfer);
  const renders: UseSessionResult<typeof transfer>[] = [];
  render(sessions, <Amount id={session.id} onRender={(used) => renders.push(used)} />);
  await session.submit("recipient", recipient);
  await vi.waitFor(() => expect(renders.at(-1)!.revision).toBe(2));
  for (const action of ["draft", "submit", "cancel"] as const) {
    expect(new Set(renders.map((used) => used[action])).size).toBe(1);
  }
});

test("a list shows what is started, and moves what has ended", async () => {
  const server = new ScriptedServer([transfer]);
  const sessions = openTab(server, { owner: someone() });
  function Home() {
    const { active, ended, loading, start } = useSessions(transfer);
    return <button onClick={() => start()}>{`${active.length} ${ended.length} ${loading}`}</button>;
  }
  const element = render(sessions, <Home />);
  const button = await vi.waitUntil(() => element.querySelector("button"));
  await vi.waitFor(() => expect(button.textContent).toBe("0 0 false"));
  button.click();
  await vi.waitFor(() => expect(button.textContent).toBe("1 0 false"));
  await sessions.open(transfer, sessions.list(transfer).state.active[0]!.id).cancel();
  await vi.waitFor(() => expect(button.textContent).toBe("0 1 false"));
});

test("what a server renders hydrates without a complaint, then becomes the session", async () => {
  const server = new ScriptedServer([transfer]);
  const sessions = openTab(server, { owner: someone() });
  const session = sessions.start(transfer);
  await session.submit("recipient", recipient);
  const page = (
    <SessionsProvider sessions={sessions}>
      <Amount id={session.id} />
    </SessionsProvider>
  );
  const html = renderToString(page);
  expect(html).toContain("loading recipient saved");

  const onRecoverableError = vi.fn<(error: unknown) => void>();
  const element = container(html);
  unmountAfterTest(hydrateRoot(element, page, { onRecoverableError }));
  await vi.waitFor(() => expect(element.querySelector("output")!.textContent).toBe("active amount saved"));
  expect(onRecoverableError).not.toHaveBeenCalled();
});

test("a screen that renders once more after the sign-out shows what it had", async () => {
  const server = new ScriptedServer([transfer]);
  const sessions = openTab(server, { owner: someone() });
  const session = sessions.start(transfer);
  await sessions.ready;
  function Screen({ times }: { times: number }) {
    return <p>{`${useSession(transfer, session.id).status} ${useSessions(transfer).active.length} ${times}`}</p>;
  }
  const element = container();
  const root = unmountAfterTest(createRoot(element));
  root.render(
    <SessionsProvider sessions={sessions}>
      <Screen times={1} />
    </SessionsProvider>,
  );
  await vi.waitFor(() => expect(element.textContent).toBe("active 1 1"));
  await sessions.forget();
  root.render(
    <SessionsProvider sessions={sessions}>
      <Screen times={2} />
    </SessionsProvider>,
  );
  await vi.waitFor(() => expect(element.textContent).toMatch(/ 2$/));
});

test("a hook without a provider says what is missing", () => {
  expect(() => renderToString(<Lost />)).toThrow("<SessionsProvider>");
});

function Lost() {
  useSessionsClient();
  return null;
}
