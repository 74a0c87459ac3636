import { workerData, type MessagePort } from "node:worker_threads";
import { Client } from "pg";

export interface Question {
  readonly text: string;
  readonly values: readonly unknown[];
  /** Becomes 1 when the answer was sent. */
  readonly signal: Int32Array;
}

export interface Answer {
  readonly rows: readonly unknown[];
  readonly error?: { readonly message: string; readonly code: string | undefined };
}

// A thread that asks Postgres for a thread that waits.

const { url, port } = workerData as { readonly url: string; readonly port: MessagePort };
const client = new Client({ connectionString: url });
const connected = client.connect();

port.on("message", ({ text, values, signal }: Question) => {
  void answer(text, values).then((message) => {
    port.postMessage(message);
    Atomics.store(signal, 0, 1);
    Atomics.notify(signal, 0);
  });
});

async function answer(text: string, values: readonly unknown[]): Promise<Answer> {
  try {
    await connected;
    const { rows } = await client.query<object>(text, [...values]);
    return { rows };
  } catch (error) {
    const { message, code } = error as Error & { readonly code?: string };
    return { rows: [], error: { message, code } };
  }
}
