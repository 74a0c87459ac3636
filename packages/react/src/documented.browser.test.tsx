import { createTestServer, serve } from "@sessions/testing";
import { expect, test, vi } from "vitest";
import { userEvent } from "vitest/browser";
// The client's own scripted server, so that both packages are tested against one.
// oxlint-disable eslint/no-restricted-imports
import { openTab, someone } from "../../client/src/testing/devices.ts";
import { ScriptedServer } from "../../client/src/testing/scripted-server.ts";
// oxlint-enable eslint/no-restricted-imports
import { element, explain, render as shown, useNavigate } from "./testing/documented/application.ts";
import { transfer } from "./testing/documented/flow.ts";
import { NewTransfer } from "./testing/documented/new-transfer.tsx";
import { Recipient } from "./testing/documented/recipient.tsx";
import { render } from "./testing/page.tsx";

// The READMEs show the code of these files. scripts/documents.test.ts compares them.

test("the lines that the READMEs begin with start a session, submit a step, and show it on a page", async () => {
  const served = serve(transfer, {
    steps: { amount: () => ({ feeCents: 25 }) },
    complete: () => ({ reference: "R-1" }),
  });
  const server = createTestServer({ flows: [served] });
  vi.stubGlobal("fetch", server.fetch);
  await import("./testing/documented/begin.ts");
  const snapshot = server.snapshot(server.pushes[0]!.commands[0]!.session);
  expect(snapshot.data).toEqual({ recipient: { name: "Grace Hopper", iban: "BE71096123456769" } });
  expect(explain).not.toHaveBeenCalled();
  expect(shown.mock.lastCall).toMatchObject([{ id: snapshot.id, drafts: { amount: { cents: "12," } } }]);

  await import("./testing/documented/page.tsx");
  await vi.waitFor(() => expect(element.querySelector("p")?.textContent).toMatch(/^2 of 3 · /));
  element.querySelector("button")!.click();
  await vi.waitFor(() => expect(element.querySelectorAll("p")).toHaveLength(2));
});

test("the recipe's form submits what the person saw in it, whatever another device types as the button is pressed", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const [phone, laptop] = ["phone", "laptop"].map((profile) => openTab(server, { owner, profile, flows: [transfer] }));
  const { id } = phone!.start(transfer);
  const element = render(phone!, <Recipient id={id} />);
  const fieldset = await vi.waitUntil(() => element.querySelector("fieldset:enabled"));
  const [name, iban] = fieldset.querySelectorAll("input");
  await userEvent.fill(iban!, "BE71096123456769");
  await userEvent.fill(name!, "Ada");

  const other = laptop!.open(transfer, id);
  await vi.waitFor(() => expect(other.state.drafts.recipient).toMatchObject({ name: "Ada" }));
  other.draft("recipient", { name: "Grace" });
  await vi.waitFor(() => expect(phone!.open(transfer, id).state.drafts.recipient).toMatchObject({ name: "Grace" }));
  expect(name!.value).toBe("Ada");
  await userEvent.click(fieldset.querySelector("button")!);
  await vi.waitFor(() => expect(server.snapshot(id).data).toMatchObject({ recipient: { name: "Ada" } }));

  // A field that nobody types in shows what is typed elsewhere.
  other.draft("recipient", { iban: "NL91" });
  await vi.waitFor(() => expect(iban!.value).toBe("NL91"));
  await phone!.open(transfer, id).cancel();
  await vi.waitFor(() => expect(element.querySelector("fieldset:disabled")).not.toBeNull());
});

test("a page that is a new session goes on to the session's own page", async () => {
  const server = new ScriptedServer([transfer]);
  const sessions = openTab(server, { owner: someone(), flows: [transfer] });
  render(sessions, <NewTransfer />);
  const navigate = useNavigate();
  await vi.waitFor(() => expect(navigate).toHaveBeenCalled());
  const [started] = sessions.list(transfer).state.active;
  expect(navigate).toHaveBeenLastCalledWith(`/transfers/${started!.id}`, { replace: true });
  expect(sessions.list(transfer).state.active).toHaveLength(1);
});
