import { defineFlow, step } from "@sessions/core";
import { expect, test, vi } from "vitest";
import { z } from "zod";
import { cancel } from "../../../../core/src/testing/commands.ts";
import { elsewhere, openTab, someone } from "../../testing/devices.ts";
import { ScriptedServer } from "../../testing/scripted-server.ts";
import { recipient, transfer } from "../../testing/transfer.ts";

const flows = Array.from({ length: 7 }, (_, index) =>
  defineFlow({ name: `part${index}`, version: 1, steps: { a: step({ input: z.object({}) }) } }),
);

/** Seven tabs that know different flows. */
function seven() {
  const server = new ScriptedServer([transfer, ...flows]);
  const owner = someone();
  return { server, tabs: flows.map((flow) => openTab(server, { owner, flows: [transfer, flow] })) };
}

test("S26: tabs of different flows hold one stream, each pushes its own, and all hear of what changes", async () => {
  const { server, tabs } = seven();
  await Promise.all(tabs.map(({ ready }) => ready));
  const sessions = await Promise.all(
    flows.map(async (flow, index) => {
      const session = tabs[index]!.start(flow);
      await vi.waitFor(() => expect(session.state.sync.state).toBe("saved"));
      return session;
    }),
  );
  expect(server.streams).toBe(1);
  expect(server.watches).toHaveLength(1);

  for (const { id } of sessions) server.take(elsewhere(), cancel(id));
  for (const session of sessions) await vi.waitFor(() => expect(session.state.status).toBe("cancelled"));
});

test("S26: when the tab that holds the stream goes, a tab of other flows takes it over", async () => {
  const { server, tabs } = seven();
  await Promise.all(tabs.map(({ ready }) => ready));
  await vi.waitFor(() => expect(server.streams).toBe(1));
  const last = tabs.at(-1)!.start(transfer);
  await last.submit("recipient", recipient);
  for (const tab of tabs.slice(0, -1)) tab.close();
  await vi.waitFor(() => expect([server.streams, server.watches.at(-1)]).toEqual([1, { [last.id]: 2 }]));
  server.take(elsewhere(), cancel(last.id));
  await vi.waitFor(() => expect(last.state.status).toBe("cancelled"));
});
