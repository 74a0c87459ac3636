import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { page, userEvent } from "vitest/browser";
import { openDevtools } from "./devtools.ts";
import type { Sessions } from "../sessions.ts";
import { elsewhere, openTab, quick, someone } from "../testing/devices.ts";
import { ScriptedServer } from "../testing/scripted-server.ts";
import { recipient, transfer } from "../testing/transfer.ts";

beforeEach(() => page.viewport(1280, 800));

/** A tab with the panel on it. */
function opened(server = new ScriptedServer([transfer]), owner = someone()) {
  const sessions = openTab(server, { owner });
  return { server, owner, sessions, close: show(sessions) };
}

function show(sessions: Sessions): () => void {
  const close = openDevtools(sessions);
  onTestFinished(close);
  unfold();
  return close;
}

const panel = page.getByRole("region", { name: "Sessions devtools" });
/** It opens folded. */
const unfold = () => (panel.getByRole("button", { expanded: false }).element() as HTMLElement).click();
const press = (name: string) => panel.getByRole("button", { name, exact: true }).click();
const said = () => panel.getByRole("status").query()?.textContent;

/** What a table says, line by line. */
function lines(title: string): string[] {
  const [, ...rows] = panel.getByRole("table", { name: title }).query()?.querySelectorAll("tr") ?? [];
  return rows.map((row) => cellsOf(row).join(" | "));
}

/** What is known of this tab. */
function facts(): Record<string, string> {
  const found = panel.query()?.querySelectorAll("dl > div") ?? [];
  return Object.fromEntries([...found].map((each) => cellsOf(each) as [string, string]));
}

function cellsOf({ children }: Element): string[] {
  return [...children].map(({ textContent }) => textContent ?? "");
}

const until = (check: () => void) => vi.waitFor(check, { timeout: 5_000 });
const end = (id: string) => `…${id.slice(-6)}`;

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

test("the panel shows what is being sent, what is shelved and what was asked", async () => {
  const { server, sessions } = opened();
  const session = sessions.start(transfer);
  await until(() => expect(session.state.sync.state).toBe("saved"));
  const gate = Promise.withResolvers<void>();
  server.faults.beforePush = () => gate.promise;
  void session.submit("recipient", recipient);
  await until(() => expect(lines("Queue")[0]).toContain("submit recipient | sending"));

  const seen = { recipient: null };
  const theirs = { kind: "submit", id: quick.id(), session: session.id, version: 1, step: "recipient", seen } as const;
  server.take(elsewhere(), { ...theirs, input: { ...recipient, name: "Grace" } });
  gate.resolve();
  await until(() => expect(lines("Queue")[0]).toContain("submit recipient | shelved: conflict"));
  expect(lines("Sessions")[0]).toContain("conflict");

  for (const change of session.state.shelved) if (change.conflict) await change.takeTheirs();
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

test("S4: offline at the press of a button nothing gets through, what is under way included; online again all is sent", async () => {
  const { server, sessions } = opened();
  const session = sessions.start(transfer);
  await until(() => expect(session.state).toMatchObject({ revision: 1, sync: { state: "saved" } }));
  await press("Go offline");
  await until(() => expect(facts()).toMatchObject({ Server: "offline, by the devtools" }));
  expect(said()).toBe("Offline: nothing is sent or heard.");
  await until(() => expect(session.state.sync.state).toBe("offline"));
  expect(server.streams).toBe(0);
  const pushes = server.pushes.length;
  await session.submit("recipient", recipient).stored;
  await until(() => expect(lines("Queue")[0]).toContain("submit recipient | waiting"));
  await expect(sessions.receipt({ session: session.id, command: quick.id() })).rejects.toThrow(
    "Offline by the devtools.",
  );
  expect(server.pushes).toHaveLength(pushes);

  await press("Go online");
  await until(() => expect(session.state).toMatchObject({ revision: 2, sync: { state: "saved" } }));
  await until(() => expect(lines("Queue")[0]).toContain("submit recipient | accepted, revision 2"));
  expect(server.streams).toBe(1);

  const gate = Promise.withResolvers<void>();
  server.faults.beforePush = () => gate.promise;
  void session.submit("amount", { cents: 5 });
  await until(() => expect(lines("Queue")[0]).toContain("submit amount | sending"));
  await press("Go offline");
  server.faults.beforePush = () => Promise.resolve();
  gate.resolve();
  await until(() => expect(server.snapshot(session.id).revision).toBe(3));
  expect(session.state).toMatchObject({ revision: 2, sync: { pending: 1 } });
  await press("Go online");
  await until(() => expect(session.state).toMatchObject({ revision: 3, sync: { state: "saved" } }));
});

test("S2: the reply to one push is dropped after it took effect, and the command is sent again, to no other effect", async () => {
  const { server, sessions } = opened();
  const session = sessions.start(transfer);
  await until(() => expect(session.state.sync.state).toBe("saved"));
  await press("Drop the next reply");
  const drop = panel.getByRole("button", { name: "Drop the next reply", pressed: true });
  await expect.element(drop).toBeVisible();
  const pushes = server.pushes.length;

  expect(await session.submit("recipient", recipient)).toEqual({ outcome: "accepted", revision: 2 });
  expect(server.snapshot(session.id).revision).toBe(2);
  const [first, second, ...more] = server.pushes.slice(pushes).map(({ commands }) => commands.map(({ id }) => id));
  expect(second).toEqual(first);
  expect(more).toEqual([]);
  await expect.element(drop).not.toBeInTheDocument();
});

test("S13: an evicted store is written again from what the page knows", async () => {
  const { owner, server, sessions } = opened();
  const session = sessions.start(transfer);
  await session.submit("recipient", recipient);
  const deleted = vi.spyOn(indexedDB, "deleteDatabase");
  await press("Evict the store");
  await until(() => expect(said()).toMatch(/^The store was deleted/));
  expect(deleted).toHaveBeenCalledExactlyOnceWith(`sessions:${owner}::1`);

  sessions.close();
  server.faults.away = true;
  const again = openTab(server, { owner });
  await again.ready;
  await until(() => expect(again.open(transfer, session.id).state.data).toEqual({ recipient }));
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

test("the panel is made larger and smaller by dragging its edges and with the arrow keys, within the window", async () => {
  opened();
  const size = () => panel.element().getBoundingClientRect();
  const edge = (name: string) => panel.getByRole("separator", { name }).element() as HTMLElement;
  const { height, width } = size();

  edge("Height of the devtools").focus();
  await userEvent.keyboard("{ArrowUp}{ArrowUp}");
  expect(size().height).toBeCloseTo(height + 80, 0);
  expect(edge("Height of the devtools").ariaValueNow).toBe(String(Math.round(height + 80)));
  await userEvent.keyboard("{End}");
  expect(size().height).toBe(innerHeight);
  await userEvent.keyboard("{Home}");
  expect(size().height).toBe(160);

  edge("Width of the devtools").focus();
  await userEvent.keyboard("{ArrowRight}");
  expect(size().width).toBeCloseTo(width - 40, 0);
  const at = { bubbles: true, pointerId: 1, clientX: 600, clientY: 400 };
  const held = vi.spyOn(HTMLElement.prototype, "setPointerCapture").mockReturnValue();
  edge("Width of the devtools").dispatchEvent(new PointerEvent("pointerdown", at));
  edge("Width of the devtools").dispatchEvent(new PointerEvent("pointermove", { ...at, clientX: 550 }));
  held.mockRestore();
  expect(size().width).toBeCloseTo(width + 10, 0);

  await userEvent.keyboard("{Escape}");
  expect(size().height).toBeLessThan(60);
});

test("the devtools say when they are of another copy of the package", () => {
  expect(() => openDevtools({} as Sessions)).toThrow(/^configuration_invalid/);
});
