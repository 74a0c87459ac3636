import { defineFlow, step } from "@sessions/core";
import { expect, test, vi } from "vitest";
import { z } from "zod";
// The client's own scripted server, so that both packages are tested against one.
// oxlint-disable eslint/no-restricted-imports
import { openTab, someone } from "../../client/src/testing/devices.ts";
import { ScriptedServer } from "../../client/src/testing/scripted-server.ts";
// oxlint-enable eslint/no-restricted-imports
import { useStep, type UseStepResult } from "./index.ts";
import { render } from "./testing/page.tsx";

const cents = z
  .string()
  .regex(/^\d+,\d\d$/, "Two decimals, please.")
  .transform((euros) => Number(euros.replace(",", "")));
const invoice = defineFlow({
  name: "invoice",
  version: 1,
  steps: {
    account: step({ input: z.object({ iban: z.string() }) }),
    lines: step({
      input: z.object({
        total: cents,
        address: z.object({ street: z.string().min(1, "Which street?") }),
        lines: z.array(z.object({ amount: cents })).refine((lines) => lines.length < 3, "At most two."),
      }),
      dependsOn: ["account"],
    }),
    end: step({ input: z.object({}) }),
  },
});
type Used = UseStepResult<typeof invoice, "lines">;

function Form({ id, onRender }: { readonly id: string; readonly onRender: (used: Used) => void }) {
  const used = useStep(invoice, id, "lines");
  onRender(used);
  return <output>{JSON.stringify(used.values)}</output>;
}

async function form() {
  const server = new ScriptedServer([invoice]);
  const sessions = openTab(server, { owner: someone(), flows: [invoice] });
  const session = sessions.start(invoice);
  await session.submit("account", { iban: "A" });
  let used!: Used;
  render(sessions, <Form id={session.id} onRender={(now) => (used = now)} />);
  await vi.waitFor(() => expect(used).toBeDefined());
  return { session, used: () => used };
}

test("a form shows what was typed, after its submission and where its step is asked again", async () => {
  const { session, used } = await form();
  const typed = { total: "12,50", address: { street: "Quay" }, lines: [{ amount: "12,50" }] };
  await used().submit(typed);
  expect(session.state.data.lines).toEqual({ ...typed, total: 1250, lines: [{ amount: 1250 }] });
  expect(session.state.inputs.lines).toEqual(typed);
  await vi.waitFor(() => expect(used().values).toEqual(typed));
  await session.submit("account", { iban: "B" });
  expect(session.state.data.lines).toBeUndefined();
  await vi.waitFor(() => expect(used().values).toEqual(typed));
  expect(await used().submit(typed)).toMatchObject({ status: "accepted" });
  expect(session.state.data.lines?.total).toBe(1250);
});

test("what is wrong is told by its path, the first message of each", async () => {
  const { used } = await form();
  const wrong = {
    total: "12,50",
    address: { street: "" },
    lines: [{ amount: "1,00" }, { amount: "2" }, { amount: "x" }],
  };
  await used().submit(wrong);
  await vi.waitFor(() => expect(used().refusal?.code).toBe("invalid_input"));
  expect(used().issues).toEqual({
    "address.street": "Which street?",
    lines: "At most two.",
    "lines.1.amount": "Two decimals, please.",
    "lines.2.amount": "Two decimals, please.",
  });
});
