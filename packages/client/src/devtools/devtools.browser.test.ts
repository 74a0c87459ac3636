import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { page, userEvent } from "vitest/browser";
import { submit } from "../../../core/src/testing/commands.ts";
import { openDevtools } from "./devtools.ts";
import type { SessionsClient } from "../sessions.ts";
import { elsewhere, openTab, someone } from "../testing/devices.ts";
import { ScriptedServer } from "../testing/scripted-server.ts";
import { recipient, transfer } from "../testing/transfer.ts";
import { end, facts, lines, opened, panel, press, said, show, until } from "./testing/panel.ts";

beforeEach(() => page.viewport(1280, 800));

test("the panel shows sessions, what waits, how it ended, and this tab's circumstances", async () => {
  const { server, sessions } = opened();
  server.skewMs = 60_000;
  const session = sessions.start(transfer);
  await until(() => expect(lines("Sessions")).toEqual([`transfer ${end(session.id)} | 1 | active | saved`]));
  expect(lines("Queue")).toEqual([`${end(session.id)} | start | accepted, revision 1`]);
  const { name } = sessions.device;
  await until(() => expect(facts()).toMatchObject({ Server: "online", Tab: "leading", Store: "disk", Device: name }));
  expect(Number.parseInt(facts()["Server’s clock"]!.replaceAll(",", ""), 10)).toBeCloseTo(60_000, -4);

  server.faults.away = true;
  server.breakStreams();
  await session.submit("recipient", recipient).stored;
  await until(() => expect(facts()).toMatchObject({ Server: "offline" }));
  await until(() => expect(lines("Sessions")).toEqual([`transfer ${end(session.id)} | 1 | active | saving`]));
  expect(lines("Queue")[0]).toBe(`${end(session.id)} | submit recipient | waiting`);
});

test("the panel names a command that was sent and answered between two looks at the records", async () => {
  const { sessions } = opened();
  await until(() => expect(facts()).toMatchObject({ Server: "online" }));
  const frames: FrameRequestCallback[] = [];
  const held = vi.spyOn(window, "requestAnimationFrame").mockImplementation((frame) => frames.push(frame));
  onTestFinished(() => held.mockRestore());
  await until(() => expect(frames).not.toHaveLength(0));
  const session = sessions.start(transfer);
  await until(() => expect(session.state.sync.state).toBe("saved"));
  held.mockRestore();
  for (const frame of frames) frame(performance.now());
  await until(() => expect(lines("Queue")).toEqual([`${end(session.id)} | start | accepted, revision 1`]));
});

test("the panel shows what is being sent, what is shelved and what was asked", async () => {
  const { server, sessions } = opened();
  const session = sessions.start(transfer);
  await until(() => expect(session.state.sync.state).toBe("saved"));
  const gate = Promise.withResolvers<void>();
  server.faults.beforePush = () => gate.promise;
  void session.submit("recipient", recipient);
  await until(() => expect(lines("Queue")[0]).toContain("submit recipient | sending"));

  const theirs = { ...recipient, name: "Grace" };
  server.take(elsewhere(), submit(session.id, "recipient", theirs, { seen: { recipient: null } }));
  gate.resolve();
  await until(() => expect(lines("Queue")[0]).toContain("submit recipient | shelved: conflict"));
  expect(lines("Sessions")[0]).toContain("attention");

  for (const change of session.state.shelved) if (change.type === "conflict") await change.takeTheirs();
  await session.submit("amount", { cents: 5 });
  const answer = Promise.withResolvers<void>();
  server.faults.beforePush = () => answer.promise;
  const review = session.submit("review", { accepted: true });
  await until(() => expect(lines("Queue")[0]).toContain("submit review | asked"));
  answer.resolve();
  await review;
  await until(() => expect(lines("Sessions")[0]).toContain("completed"));
});

test("what was typed is hidden until it is asked for", async () => {
  const { server, sessions } = opened();
  server.faults.away = true;
  const session = sessions.start(transfer);
  session.draft("recipient", { name: "Ada Lovelace" });
  await until(() => expect(lines("Drafts")[0]).toMatch(/\| recipient\.name \| .* here, unsent$/));
  const text = () => panel.query()!.textContent;
  expect(text()).not.toContain("Lovelace");

  await press("Show what was typed");
  await until(() => expect(lines("Drafts")[0]).toMatch(/ \| "Ada Lovelace"$/));
  await press("Hide what was typed");
  await until(() => expect(text()).not.toContain("Lovelace"));
});

test("the panel says which tab leads, and goes with its sessions", async () => {
  const { server, owner, sessions: first } = opened();
  await until(() => expect(facts()).toMatchObject({ Tab: "leading" }));
  const second = openTab(server, { owner });
  await second.ready;
  first.close();
  await until(() => expect(panel.query()).toBeNull());

  const third = openTab(server, { owner });
  await third.ready;
  show(third);
  await until(() => expect(facts()).toMatchObject({ Tab: "following" }));
  await press("Go offline");
  await until(() => expect(said()).toMatch(/another tab leads/));
  second.close();
  await until(() => expect(facts()).toMatchObject({ Tab: "leading", Server: "offline, by the devtools" }));
});

test("one panel shows one sessions object, and taken away it lets everything through again", async () => {
  const { sessions, close } = opened();
  expect(openDevtools(sessions)).toBe(close);
  expect(panel.all()).toHaveLength(1);
  const session = sessions.start(transfer);
  await press("Go offline");
  await session.submit("recipient", recipient).stored;
  close();
  expect(panel.query()).toBeNull();
  await until(() => expect(session.state).toMatchObject({ revision: 2, sync: { state: "saved" } }));

  show(sessions);
  await press("Go offline");
  close();
  await until(() => expect(facts()).toMatchObject({ Server: "offline, by the devtools" }));
  expect(session.state.sync.state).toBe("offline");
});

test.each([375, 1280])("the panel is folded at %i pixels until it is asked for", async (width) => {
  await page.viewport(width, 800);
  onTestFinished(openDevtools(openTab(new ScriptedServer([transfer]), { owner: someone() })));
  const offline = panel.getByRole("button", { name: "Go offline" });
  await expect.element(offline).not.toBeInTheDocument();
  expect(panel.getByRole("separator").all()).toHaveLength(0);
  await userEvent.keyboard("{Tab}{Enter}");
  await expect.element(offline).toBeVisible();
});

test("the panel is used with the keyboard alone", async () => {
  opened();
  const focused = () => document.activeElement?.shadowRoot?.activeElement;
  const reached: (string | null | undefined)[] = [];
  for (let presses = 0; presses < 8; presses += 1) {
    await userEvent.keyboard("{Tab}");
    reached.push(focused()?.getAttribute("aria-label") ?? focused()?.textContent);
  }
  expect(reached).toEqual([
    "Height of the devtools",
    "Width of the devtools",
    "Sessions",
    "Go offline",
    "Drop the next reply",
    "Evict the store",
    "Show what was typed",
    "What is kept here",
  ]);
  await userEvent.keyboard("{Escape}");
  expect(focused()).toHaveProperty("ariaExpanded", "false");
  await expect.element(panel.getByRole("button", { name: "Go offline" })).not.toBeInTheDocument();
  await userEvent.keyboard("{Enter}");
  await expect.element(panel.getByRole("button", { name: "Go offline" })).toBeVisible();
});

test("the devtools say when they are of another copy of the package", () => {
  expect(() => openDevtools({} as SessionsClient)).toThrow(/^configuration_invalid/);
});
