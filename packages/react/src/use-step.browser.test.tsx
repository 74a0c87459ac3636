import { seenBy, type Command } from "@sessions/core/internal";
import { expect, test, vi } from "vitest";
import { userEvent } from "vitest/browser";
// The client's own scripted server, so that both packages are tested against one.
// oxlint-disable eslint/no-restricted-imports
import { elsewhere, openTab, quick, someone } from "../../client/src/testing/devices.ts";
import { ScriptedServer } from "../../client/src/testing/scripted-server.ts";
import { slowStore } from "../../client/src/testing/slow-store.ts";
import { recipient, transfer } from "../../client/src/testing/transfer.ts";
// oxlint-enable eslint/no-restricted-imports
import { useStartedSession, useStep, type UseStepResult } from "./index.ts";
import { render, type } from "./testing/page.tsx";
import { textOf } from "./testing/text.ts";

type Used = UseStepResult<typeof transfer, "amount">;

/** A form of one step, as one writes it by hand. */
function AmountForm({ id, onRender }: { readonly id: string; readonly onRender?: (used: Used) => void }) {
  const used = useStep(transfer, id, "amount");
  const { values, draft, submit, pending, refusal, issues, conflict } = used;
  onRender?.(used);
  return (
    <form onSubmit={(event) => (event.preventDefault(), void submit({ cents: Number(values.cents) }))}>
      <input
        name="cents"
        value={textOf(values.cents)}
        onChange={({ target }) => draft({ ...values, cents: target.value })}
      />
      <output>{`${pending} ${refusal?.code} ${issues.cents} ${conflict?.kind}`}</output>
    </form>
  );
}

async function form() {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const [phone, laptop] = ["phone", "laptop"].map((profile) => openTab(server, { owner, profile }));
  const session = phone!.start(transfer);
  await session.submit("recipient", recipient);
  const other = laptop!.open(transfer, session.id);
  await vi.waitFor(() => expect(other.state.revision).toBe(2));
  const renders: Used[] = [];
  const element = render(phone!, <AmountForm id={session.id} onRender={(used) => renders.push(used)} />);
  const [input, output, submit] = [
    await vi.waitUntil(() => element.querySelector("input")),
    element.querySelector("output")!,
    () => element.querySelector("form")!.requestSubmit(),
  ];
  return { server, session, other, renders, input, output, submit };
}

test("what is typed is a draft on every device, and only the fields that changed are sent", async () => {
  const { server, session, other, input } = await form();
  await other.submit("amount", { cents: 11, reference: "Rent" });
  await vi.waitFor(() => expect(input.value).toBe("11"));
  type(input, "12,");
  expect(input.value).toBe("12,");
  await vi.waitFor(() => expect(other.state.drafts.amount).toEqual({ cents: "12," }));
  const fields = server.pushes
    .filter(({ device }) => device.id === session.state.device?.id)
    .flatMap(({ commands }) => commands)
    .flatMap((command) => (command.kind === "draft" ? Object.keys(command.fields) : []));
  expect(fields).toEqual(["cents"]);

  await other.draft("amount", { cents: "13" }).settled;
  await vi.waitFor(() => expect(input.value).toBe("13"));
});

test("what is typed and cannot be kept is told, until something else is typed", async () => {
  const { input, output } = await form();
  type(input, "9".repeat(70_000));
  await vi.waitFor(() => expect(output.textContent).toBe("false too_large undefined undefined"));
  type(input, "5");
  await vi.waitFor(() => expect(output.textContent).toBe("false undefined undefined undefined"));
});

test("a step that could not be reached is submitted without complaint once it can be", async () => {
  const server = new ScriptedServer([transfer]);
  const client = openTab(server, { owner: someone() });
  const session = client.start(transfer);
  const renders: Used[] = [];
  render(client, <AmountForm id={session.id} onRender={(used) => renders.push(used)} />);
  await vi.waitFor(() => expect(renders.length).toBeGreaterThan(0));
  void renders.at(-1)!.submit({ cents: 5 });
  await vi.waitFor(() => expect(renders.at(-1)!.refusal).toMatchObject({ code: "step_unreachable" }));
  await session.submit("recipient", recipient);
  await vi.waitFor(() => expect(renders.at(-1)!.refusal).toBeNull());
});

test("a step that asks for a fresh proof says so with all that is asked, and takes the same press after it", async () => {
  const { server, session, input, output, submit, renders } = await form();
  const asked = { code: "sign_in_again", step: "amount", freshMs: 300_000, level: "aal2" } as const;
  server.faults.refuse = ({ kind }) => (kind === "submit" ? asked : undefined);
  type(input, "5");
  submit();
  await vi.waitFor(() => expect(output.textContent).toBe("false sign_in_again undefined undefined"));
  expect(renders.at(-1)!.refusal).toEqual(asked);
  expect(input.value).toBe("5");
  server.faults.refuse = () => undefined;
  submit();
  await vi.waitFor(() => expect(session.state.data.amount).toEqual({ cents: 5 }));
  expect(renders.at(-1)!.refusal).toBeNull();
});

test("what the schema refuses is told by field until something is typed, and what is submitted is what is shown", async () => {
  const { server, session, input, output, submit, renders } = await form();
  expect(output.textContent).toBe("false undefined undefined undefined");
  type(input, "-1");
  submit();
  await vi.waitFor(() => expect(output.textContent).toMatch(/^false invalid_input Too small/));
  type(input, "5");
  await vi.waitFor(() => expect(output.textContent).toBe("false undefined undefined undefined"));
  const answered = Promise.withResolvers<void>();
  server.faults.beforePush = () => answered.promise;
  submit();
  await vi.waitFor(() => expect(output.textContent).toMatch(/^true /));
  answered.resolve();
  await vi.waitFor(() => expect(session.state.data.amount).toEqual({ cents: 5 }));
  await vi.waitFor(() => expect(output.textContent).toBe("false undefined undefined undefined"));
  expect(input.value).toBe("5");

  // The step has not changed, so a form library need not read it again.
  const { values, draft, submit: submitting } = renders.at(-1)!;
  await session.submit("recipient", { ...recipient, name: "Grace" });
  await vi.waitFor(() => expect(session.state.data.recipient).toMatchObject({ name: "Grace" }));
  expect(renders.at(-1)).toMatchObject({ values, draft, submit: submitting });
  for (const [name, value] of Object.entries({ values, draft, submit: submitting })) {
    expect(renders.at(-1)![name as keyof Used]).toBe(value);
  }
});

test("the values stay the same when what was typed is submitted, in whatever order its fields are", async () => {
  const { session, renders } = await form();
  for (const fields of [{ reference: "Rent" }, { cents: 5 }]) await session.draft("amount", fields).settled;
  await vi.waitFor(() => expect(renders.at(-1)!.values).toEqual({ reference: "Rent", cents: 5 }));
  const { values } = renders.at(-1)!;
  const before = renders.length;
  await session.submit("amount", { cents: 5, reference: "Rent" });
  await vi.waitFor(() => expect(renders.length).toBeGreaterThan(before));
  expect(session.state.drafts.amount).toBeUndefined();
  expect(renders.at(-1)!.values).toBe(values);
});

test("what was submitted elsewhere meanwhile is the step's conflict, and the person's decision ends it", async () => {
  const { server, session, output, input, submit, renders } = await form();
  server.faults.streamsAway = true;
  server.breakStreams();
  const seen = seenBy(transfer, server.snapshot(session.id), "amount");
  const command = { kind: "submit", id: quick.id(), session: session.id, version: 1, step: "amount", seen };
  server.take(elsewhere(), { ...command, input: { cents: 1 } } as Command);
  type(input, "2");
  submit();
  await vi.waitFor(() => expect(output.textContent).toBe("false conflict undefined submit"));
  const { conflict } = renders.at(-1)!;
  expect(conflict).toMatchObject({
    mine: { cents: 2 },
    theirs: { cents: 1 },
    fields: { cents: { mine: 2, theirs: 1 } },
  });
  if (conflict?.kind === "submit") await conflict.merge({ cents: 3 });
  await vi.waitFor(() => expect(input.value).toBe("3"));
  expect(server.snapshot(session.id).data).toMatchObject({ amount: { cents: 3 } });
  expect(output.textContent).toBe("false undefined undefined undefined");
});

test("S4: on a new device whose store opens late no letter is lost, in a session that is started or opened", async () => {
  const openStore = slowStore();
  const [server, owner] = [new ScriptedServer([transfer]), someone()];
  const client = openTab(server, { owner });
  const inputOf = (element: HTMLElement) => vi.waitUntil(() => element.querySelector("input"));
  function Started() {
    const session = useStartedSession(transfer);
    return session && <AmountForm id={session.id} />;
  }
  const [started, loading] = [
    await inputOf(render(client, <Started />)),
    await inputOf(render(client, <AmountForm id={quick.id()} />)),
  ];
  for (const input of [started, loading]) {
    input.focus();
    await userEvent.keyboard("hello");
    expect(input.value).toBe("hello");
  }
  const [session] = client.list(transfer).state.active;
  openStore();
  await client.ready;
  await vi.waitFor(() =>
    expect(server.snapshot(session!.id)?.drafts["amount"]).toMatchObject({ cents: { value: "hello" } }),
  );
  expect(started.value).toBe("hello");
  // There is no such session.
  await vi.waitFor(() => expect(loading.value).toBe(""));
});
