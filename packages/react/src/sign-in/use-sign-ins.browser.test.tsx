import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, expect, test, vi } from "vitest";
import { createSignInClient, type SignInClient } from "@sessions/client/sign-in";
// The client's own scripted server, so that both packages are tested against one.
// oxlint-disable-next-line eslint/no-restricted-imports
import { stubSignIns } from "../../../client/src/testing/scripted-sign-ins.ts";
import { container, unmountAfterTest } from "../testing/page.tsx";
import { useSignIn, useSignIns, type UseSignInsResult } from "./index.ts";

const server = stubSignIns();
const opened: SignInClient[] = [];
afterEach(() => {
  for (const client of opened.splice(0)) client.close();
});

function Places({ client, onRender }: { client: SignInClient; onRender?: (used: UseSignInsResult) => void }) {
  const state = useSignIn(client);
  const used = useSignIns(client);
  onRender?.(used);
  const { status, signIns, more } = used;
  const owner = state.status === "signed_in" ? state.owner : "nobody";
  return <output>{`${state.status} ${owner} ${status} ${signIns.length}${more ? "+" : ""}`}</output>;
}

function page() {
  const client = createSignInClient({ url: server().url });
  opened.push(client);
  const renders: UseSignInsResult[] = [];
  const element = container();
  unmountAfterTest(createRoot(element)).render(
    <StrictMode>
      <Places client={client} onRender={(used) => renders.push(used)} />
    </StrictMode>,
  );
  const shows = (text: string) => vi.waitFor(() => expect(element.textContent).toBe(text));
  return { client, shows, used: () => renders.at(-1)! };
}

test("a page shows who is signed in and where, and one press ends one or all others", async () => {
  for (let count = 0; count < 3; count += 1) server().signInAs("ada", false);
  const here = server().signInAs("ada");
  const { shows, used } = page();
  await shows("signed_in ada loaded 2+");
  const { loadMore } = used();
  await loadMore();
  await shows("signed_in ada loaded 4");
  const [first, other] = used().signIns;
  expect(first).toMatchObject({ id: here, current: true });

  expect(await used().revoke(other!.id)).toEqual({ status: "ended", count: 1 });
  await shows("signed_in ada loaded 2+");
  expect(await used().revokeOthers()).toEqual({ status: "ended", count: 2 });
  await shows("signed_in ada loaded 1");
});

test("the places of another person are not shown for a moment, and none when nobody is signed in", async () => {
  server().signInAs("ada", false);
  server().signInAs("ada");
  const { client, shows, used } = page();
  await shows("signed_in ada loaded 2");
  const eve = server().signInAs("eve");
  await client.refresh();
  await shows("signed_in eve loaded 1");
  server().end(eve);
  await client.refresh();
  await shows("signed_out nobody loaded 0");
  expect(used().signIns).toEqual([]);
});

test("a server that does not answer leaves the list as it was and says so, and ends nothing", async () => {
  server().signInAs("ada", false);
  server().signInAs("ada");
  const { shows, used } = page();
  await shows("signed_in ada loaded 2");
  server().faults.away = true;
  await expect(used().revokeOthers()).rejects.toMatchObject({ code: "server_unreachable" });
  await shows("signed_in ada failed 2");
  server().faults.away = false;
  await used().reload();
  await shows("signed_in ada loaded 2");
});

test("a server renders that it is loading", () => {
  const client = createSignInClient({ url: server().url });
  opened.push(client);
  expect(renderToString(<Places client={client} />)).toContain("loading nobody loading 0");
});
