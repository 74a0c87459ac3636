import { createRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { expect, test, vi } from "vitest";
import { createCurrentSessions, createSignInClient } from "@sessions/client/sign-in";
// The client's own scripted server, so that both packages are tested against one.
// oxlint-disable-next-line eslint/no-restricted-imports
import { stubSignIns } from "../../../client/src/testing/scripted-sign-ins.ts";
import { useSession } from "../index.ts";
import { transfer } from "../testing/documented/flow.ts";
import { container, unmountAfterTest } from "../testing/page.tsx";
import { useCurrentSessions } from "./index.ts";

const server = stubSignIns();

test("S20: what the page on visitors shows goes on with the same session after the sign-in", async () => {
  const { current, CurrentSessions, signIn } = await import("../testing/documented/visitors.tsx");
  function Name({ id }: { readonly id: string }) {
    const { drafts } = useSession(transfer, id);
    const { isVisitor } = useCurrentSessions(current);
    return `${isVisitor ? "visitor" : "owner"}: ${JSON.stringify(drafts.recipient?.name)}`;
  }
  await vi.waitFor(() => expect(current.state.isVisitor).toBe(true));
  const session = current.state.sessions!.start(transfer);
  session.draft("recipient", { name: "Gra" });
  const element = container();
  unmountAfterTest(createRoot(element)).render(
    <CurrentSessions>
      <Name id={session.id} />
    </CurrentSessions>,
  );
  await vi.waitFor(() => expect(element.textContent).toBe('visitor: "Gra"'));
  server().signInAs("ada");
  await signIn.refresh();
  await vi.waitFor(() => expect(element.textContent).toBe('owner: "Gra"'), { timeout: 5_000 });
  expect(renderToString(<CurrentSessions>shown</CurrentSessions>)).toBe("");
  await current.state.sessions!.forget();
  current.close();
  signIn.close();
});

test("S20: two pages of one browser show the visitor's sessions, and a sign-in in one shows the owner's in both", async () => {
  const pages = [0, 1].map(() => {
    const signIn = createSignInClient({ url: server().url });
    const current = createCurrentSessions({ signIn, flows: [transfer], url: "/trpc" });
    function Shown() {
      const { sessions, isVisitor } = useCurrentSessions(current);
      return sessions === null ? "nobody" : isVisitor ? "visitor" : "owner";
    }
    const element = container();
    unmountAfterTest(createRoot(element)).render(<Shown />);
    return { signIn, current, element };
  });
  const show = (who: string) =>
    vi.waitFor(() => expect(pages.map(({ element }) => element.textContent)).toEqual([who, who]), { timeout: 5_000 });
  await show("visitor");
  server().signInAs("ada");
  await pages[0]!.signIn.refresh();
  await show("owner");
  for (const { signIn, current } of pages) {
    await current.state.sessions!.forget();
    current.close();
    signIn.close();
  }
});
