import { expect } from "vitest";
import {
  PROTOCOL_VERSION,
  type Command,
  type Device,
  type Outcome,
  type PushReply,
  type Snapshot,
} from "@sessions/core/internal";
import { devices, START_MS } from "../../../../core/src/testing/commands.ts";
import type { SignedIn, Subject } from "./subject.ts";

const url = "http://bank.test/trpc";

/** An answer over HTTP. */
interface Answer {
  readonly status: number;
  readonly body: { readonly result?: { readonly data: unknown }; readonly error?: unknown };
}

const expectSame = (found: unknown, expected: unknown, what: string) => expect(found, what).toEqual(expected);

/** The parts of a stream of server-sent events, one after another. */
async function* partsOf(response: Response): AsyncGenerator<string, void, undefined> {
  let rest = "";
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    const parts = `${rest}${piece}`.split("\n\n");
    rest = parts.pop()!;
    yield* parts;
  }
}

/** A stream of both servers. */
export interface BothStreams {
  /** The next part of both. It fails if they differ. Undefined at the end of both. */
  next(): Promise<string | undefined>;
  close(): Promise<void>;
}

/** Both servers. Each call goes to both, and fails if their answers differ. */
export class Both {
  /** The clock of both, in milliseconds since 1970. */
  nowMs = START_MS;
  /** The codes of all refusals so far. */
  readonly codes = new Set<string>();
  readonly #subjects: readonly [expected: Subject, found: Subject];

  constructor(subjectsOf: (now: () => number) => readonly [Subject, Subject]) {
    this.#subjects = subjectsOf(() => this.nowMs);
  }

  signIn(who: SignedIn): void {
    for (const subject of this.#subjects) subject.signIn(who);
  }

  deploy(version: "first" | "next"): void {
    for (const subject of this.#subjects) subject.deploy(version);
  }

  async push(commands: readonly unknown[], device: Device = devices[0], protocol = PROTOCOL_VERSION) {
    const { body } = await this.call("push", { protocol, device, commands });
    const reply = body.result?.data as PushReply;
    for (const outcome of reply.outcomes) if (outcome.status === "refused") this.codes.add(outcome.refusal.code);
    return reply;
  }

  async one(command: Command, device?: Device): Promise<Outcome> {
    return (await this.push([command], device)).outcomes[0]!;
  }

  async query<Reply>(procedure: string, input: object): Promise<Reply> {
    return (await this.call(procedure, input)).body.result?.data as Reply;
  }

  async read(session: string): Promise<Snapshot | null> {
    return (await this.query<{ session: Snapshot | null }>("read", { session })).session;
  }

  /** Opens a stream of both. Its first part says that it is open. */
  async watch(input: object): Promise<BothStreams> {
    const address = `${url}/sessions.watch?input=${encodeURIComponent(JSON.stringify(input))}`;
    const closing = new AbortController();
    const request = new Request(address, { headers: { accept: "text/event-stream" }, signal: closing.signal });
    const responses = await Promise.all(this.#subjects.map((subject) => subject.fetch(request.clone())));
    const [expected, found] = responses.map(partsOf);
    const part = async (stream: typeof expected) => {
      const read = await stream!.next();
      return read.done ? undefined : read.value.replace(/"stack":"([^"\\]|\\.)*",?/, "").replaceAll("\n\n", "\n");
    };
    return {
      async next() {
        const [one, other] = await Promise.all([part(expected), part(found)]);
        expectSame(other, one, "A part of a stream");
        return one;
      },
      async close() {
        closing.abort();
        await Promise.all([expected, found].map((stream) => stream!.return()));
      },
    };
  }

  /** Calls a procedure. Both answer with the same status and the same body. */
  async call(procedure: string, input: object): Promise<Answer> {
    const [expected, found] = await Promise.all(this.#subjects.map((subject) => answerOf(subject, procedure, input)));
    expectSame(found, expected, `${procedure} ${JSON.stringify(input).slice(0, 500)}`);
    return expected!;
  }
}

async function answerOf(subject: Subject, procedure: string, input: object): Promise<Answer> {
  const address = `${url}/sessions.${procedure}`;
  const response = await subject.fetch(
    procedure === "push"
      ? new Request(address, {
          method: "POST",
          body: JSON.stringify(input),
          headers: { "content-type": "application/json" },
        })
      : new Request(`${address}?input=${encodeURIComponent(JSON.stringify(input))}`),
  );
  const body = (await response.json()) as Answer["body"];
  const data = body.result?.data as { snapshots?: Snapshot[] } | undefined;
  // The sessions of one push are worked on beside one another, so their order is that in which they are ready.
  if (procedure === "push") data?.snapshots?.sort((one, other) => (one.id < other.id ? -1 : 1));
  return { status: response.status, body: withoutStack(body) };
}

/** tRPC adds a stack in development. */
function withoutStack(body: Answer["body"]): Answer["body"] {
  const error = body.error as { readonly data?: { readonly stack?: string } } | undefined;
  if (error?.data === undefined) return body;
  const { stack: _stack, ...data } = error.data;
  return { ...body, error: { ...error, data } };
}
