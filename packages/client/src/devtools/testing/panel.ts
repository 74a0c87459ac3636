/** The panel on the page: what a person reads and presses there. */
import { onTestFinished, vi } from "vitest";
import { page } from "vitest/browser";
import { openDevtools } from "../devtools.ts";
import type { SessionsClient } from "../../sessions.ts";
import { openTab, someone } from "../../testing/devices.ts";
import { ScriptedServer } from "../../testing/scripted-server.ts";
import { transfer } from "../../testing/transfer.ts";

/** A tab with the panel on it. */
export function opened(server = new ScriptedServer([transfer]), owner = someone()) {
  const sessions = openTab(server, { owner });
  return { server, owner, sessions, close: show(sessions) };
}

export function show(sessions: SessionsClient): () => void {
  const close = openDevtools(sessions);
  onTestFinished(close);
  unfold();
  return close;
}

export const panel = page.getByRole("region", { name: "Sessions devtools" });

/** It opens folded. */
export const unfold = () => (panel.getByRole("button", { expanded: false }).element() as HTMLElement).click();

export const press = (name: string) => panel.getByRole("button", { name, exact: true }).click();

export const said = () => panel.getByRole("status").query()?.textContent;

/** What a table says, line by line. */
export function lines(title: string): string[] {
  const [, ...rows] = panel.getByRole("table", { name: title }).query()?.querySelectorAll("tr") ?? [];
  return rows.map((row) => cellsOf(row).join(" | "));
}

/** What is known of this tab. */
export function facts(): Record<string, string> {
  const found = panel.query()?.querySelectorAll("dl > div") ?? [];
  return Object.fromEntries([...found].map((each) => cellsOf(each) as [string, string]));
}

function cellsOf({ children }: Element): string[] {
  return [...children].map(({ textContent }) => textContent ?? "");
}

export const until = (check: () => void) => vi.waitFor(check, { timeout: 5_000 });

export const end = (id: string) => `…${id.slice(-6)}`;
