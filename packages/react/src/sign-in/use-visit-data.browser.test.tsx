import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, expect, expectTypeOf, test, vi } from "vitest";
import { z } from "zod";
import { createSignInClient, type SignInClient } from "@sessions/client/sign-in";
// The client's own scripted server, so that both packages are tested against one.
// oxlint-disable-next-line eslint/no-restricted-imports
import { stubSignIns } from "../../../client/src/testing/scripted-sign-ins.ts";
import { container, unmountAfterTest } from "../testing/page.tsx";
import { useVisitData } from "./index.ts";

const server = stubSignIns();
const data = { theme: { schema: z.enum(["light", "dark"]), per: "owner" } } as const;
const opened: SignInClient<typeof data>[] = [];
afterEach(() => {
  for (const client of opened.splice(0)) client.close();
});

function Theme({ client }: { client: SignInClient<typeof data> }) {
  const { status, value, change } = useVisitData(client, "theme");
  expectTypeOf(value).toEqualTypeOf<"light" | "dark" | undefined>();
  return <button onClick={() => void change(() => "dark")}>{`${status} ${value ?? "none"}`}</button>;
}

function page() {
  const client = createSignInClient({ url: server().url, data });
  opened.push(client);
  const element = container();
  unmountAfterTest(createRoot(element)).render(
    <StrictMode>
      <Theme client={client} />
    </StrictMode>,
  );
  const shows = (text: string) => vi.waitFor(() => expect(element.textContent).toBe(text));
  return { client, shows, press: () => element.querySelector("button")!.click() };
}

test("a press changes the value on this page and on the other ones", async () => {
  server().signInAs("ada");
  const [one, other] = [page(), page()];
  await one.shows("loaded none");
  await other.shows("loaded none");
  one.press();
  await one.shows("loaded dark");
  await other.shows("loaded dark");
});

test("a server renders that the value is loading", () => {
  const client = createSignInClient({ url: server().url, data });
  opened.push(client);
  expect(renderToString(<Theme client={client} />)).toContain("loading none");
});

test("what the page on values shows changes the theme by a press", async () => {
  server().signInAs("ada");
  const { signIn, Theme: Documented } = await import("../testing/documented/theme.tsx");
  const element = container();
  unmountAfterTest(createRoot(element)).render(<Documented />);
  await vi.waitFor(() => expect(element.querySelector("button")?.disabled).toBe(false));
  element.querySelector("button")!.click();
  await vi.waitFor(() => expect(element.textContent).toBe("Use the light theme"));
  signIn.close();
});

test("S20: what the page on values shows asks the person about a visitor's cart, and adds it by a press", async () => {
  server().hasVisitors = true;
  const { signIn, Cart } = await import("../testing/documented/cart.tsx");
  const element = container();
  unmountAfterTest(createRoot(element)).render(<Cart />);
  await signIn.data.change("cart", () => ({ items: ["tea"] }));
  await vi.waitFor(() => expect(element.textContent).toBe("tea"));
  server().data.set("ada cart", { version: 1, value: { items: ["bread"] } });
  server().signInAs("ada");
  await signIn.refresh();
  await vi.waitFor(() => expect(element.textContent).toMatch(/^Before you signed in, you chose tea/));
  element.querySelector("button")!.click();
  await vi.waitFor(() => expect(element.textContent).toBe("bread, tea"));
  signIn.close();
});
