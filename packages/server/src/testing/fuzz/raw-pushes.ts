import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, beforeEach, expect } from "vitest";
import { createBank, createLedger, start, submit, TestClient } from "../bank.ts";
import { adapters, createPlainHost, type Running } from "../host.ts";
import { freshDatabase } from "../postgres.ts";

/**
 * A server over HTTP, and pushes to it as raw JSON text: a test can send text that no client would send. Each test has a
 * new session of notes. Call it at the file's top level.
 *
 * @example
 * const { raw, refusalsOf, nothingChanged } = await rawPushes();
 * expect(await refusalsOf(raw({ version: "1" }), "17")).toMatchObject([{ code: "malformed" }, { code: "malformed" }]);
 * await nothingChanged();
 */
export async function rawPushes() {
  const { pool } = await freshDatabase();
  const sessions = createBank(pool);
  const ada = new TestClient(sessions, "ada");
  const notes = { session: "", before: null as unknown };
  const host = { url: "" };
  let running: Running;

  beforeAll(async () => {
    await sessions.migrate();
    await createLedger(pool);
    running = await adapters["standalone"]!(createPlainHost(sessions));
    host.url = running.url;
  });
  afterAll(() => running.stop());
  beforeEach(async () => {
    notes.session = uuidv7();
    const left = submit(notes.session, "left", { text: "before" });
    const middle = submit(notes.session, "middle", { text: "before" }, { left: left.id });
    await ada.push(start(notes.session, "notes"), left, middle);
    notes.before = await ada.read(notes.session);
  });

  const post = async (body: string) => {
    const headers = { "content-type": "application/json", "x-user": "ada" };
    const response = await fetch(`${host.url}/sessions.push`, { method: "POST", headers, body });
    return { status: response.status, text: await response.text() };
  };
  const pushText = (...commands: readonly string[]) =>
    `{"protocol":1,"device":${JSON.stringify(ada.device)},"commands":[${commands.join(",")}]}`;

  return {
    ada,
    host,
    notes,
    post,
    pushText,
    /** A submission of the step `right`, with other fields in place of its own. */
    raw: (fields: Record<string, unknown>) => JSON.stringify({ ...submit(notes.session, "right", {}), ...fields }),
    async refusalsOf(...commands: readonly string[]): Promise<readonly Record<string, unknown>[]> {
      const { status, text } = await post(pushText(...commands));
      expect({ status, text: status === 200 ? "" : text }).toEqual({ status: 200, text: "" });
      const { result } = JSON.parse(text) as Reply;
      return result.data.outcomes.map(({ refusal }) => refusal);
    },
    async nothingChanged(): Promise<void> {
      expect(await ada.read(notes.session)).toEqual(notes.before);
    },
  };
}

interface Reply {
  readonly result: { readonly data: { readonly outcomes: readonly { readonly refusal: Record<string, unknown> }[] } };
}
