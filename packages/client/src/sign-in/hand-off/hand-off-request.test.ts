import { expect, test, vi } from "vitest";
import { browserEnvironment, type Environment } from "../../environment.ts";
import { startHandOffRequest } from "./hand-off-request.ts";
import type { KeptRequest, KeptRequests } from "./kept-requests.ts";
import type { Change, ChangeName, SignInApi } from "../sign-in-api.ts";

interface Sent {
  readonly name: ChangeName;
  readonly input: Readonly<Record<string, unknown>>;
}

/** Waits for what other promises of this page have to do first. */
async function when(holds: () => boolean): Promise<void> {
  for (let turns = 0; !holds(); turns += 1) {
    if (turns > 5_000) throw new Error("It never came.");
    await new Promise((resolve) => setTimeout(resolve));
  }
}

/** The disk of a browser with one page at a time. */
function diskOf(onDisk: Map<string, KeptRequest>): KeptRequests {
  return {
    takeOver: (take) => Promise.resolve([...onDisk.values()].forEach(take)),
    keep: (request) => Promise.resolve(void onDisk.set(request.id, request)),
    remove: (id) => Promise.resolve(void onDisk.delete(id)),
    release() {},
  };
}

/** A server that answers as the test says, and a clock that the test moves. */
function screen() {
  const onDisk = new Map<string, KeptRequest>();
  let elapsedMs = 0;
  let timers: { readonly atMs: number; readonly run: () => void }[] = [];
  const sent: Sent[] = [];
  const codes = new Map<string, "waiting" | "gone" | "approved">();
  const server = { away: false, answers: "asked" };
  const environment: Environment = {
    ...browserEnvironment,
    elapsed: () => elapsedMs,
    now: () => 1_750_000_000_000 + elapsedMs,
    after(ms, run) {
      const timer = { atMs: elapsedMs + ms, run };
      timers.push(timer);
      return () => void (timers = timers.filter((one) => one !== timer));
    },
  };
  const change = (name: ChangeName, { input }: Change) => {
    if (server.away) return Promise.reject(new TypeError("away"));
    // Every procedure of a hand-off takes an object.
    sent.push({ name, input: input as Sent["input"] });
    if (name === "handOff.ask") {
      if (server.answers !== "asked") return Promise.resolve({ status: server.answers });
      const id = `id ${codes.size + 1}`;
      codes.set(id, "waiting");
      return Promise.resolve({
        status: "asked",
        id,
        code: `code ${codes.size}`,
        challenge: `challenge of ${id}`,
        number: 42,
      });
    }
    // Beside `ask` only `claim` is called, with the id of a request.
    const state = codes.get((input as { readonly id: string }).id);
    if (state !== "approved") return Promise.resolve({ status: state });
    return Promise.resolve({ status: "begun", owner: "ada", session: "s", flow: "transfer", step: "amount" });
  };
  const known = { csrf: null, read: vi.fn(() => Promise.resolve()), tellOtherPages: vi.fn() };
  const open = () =>
    startHandOffRequest({
      // Both procedures answer as this server does.
      api: { change: change as SignInApi["change"] },
      known,
      environment,
      kept: diskOf(onDisk),
    });
  const request = open();
  let shown = request;
  /** Kills the page, and opens another one. */
  const reload = () => {
    timers = [];
    return (shown = open());
  };
  const until = (status: string) => vi.waitFor(() => expect(request.state.status).toBe(status));
  /** Lets time pass, a timer at a time. */
  const pass = async (ms: number) => {
    for (const endMs = elapsedMs + ms; ;) {
      await when(() => timers.length > 0);
      const [next] = timers.toSorted((one, other) => one.atMs - other.atMs);
      if (next!.atMs > endMs) return void (elapsedMs = endMs);
      elapsedMs = next!.atMs;
      timers = timers.filter((one) => one !== next);
      next!.run();
      // The step that the timer began ends with another timer, or with the end of the request.
      await when(() => timers.length > 0 || shown.state.status !== "asking");
      if (timers.length === 0) return undefined;
    }
  };
  const claims = () => sent.filter(({ name }) => name === "handOff.claim");
  return { request, reload, onDisk, server, codes, known, sent, claims, until, pass, timers: () => timers };
}

test("S21: the page shows a code and a number, and claims with a signature of its own key over a challenge that it does not show", async () => {
  const { request, codes, known, sent, claims, until, pass } = screen();
  await until("asking");
  expect(request.state).toEqual({ status: "asking", code: "code 1", number: 42 });
  await pass(500);
  // The server's schemas check these inputs, and this one has none.
  const { publicKey } = sent[0]!.input as { readonly publicKey: JsonWebKey };
  expect(Object.keys(publicKey).toSorted()).toEqual(["crv", "kty", "x", "y"]);
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const key = await crypto.subtle.importKey("jwk", publicKey, algorithm, false, ["verify"]);
  const { id, signature } = claims()[0]!.input as { readonly id: string; readonly signature: string };
  const text = new TextEncoder().encode(`@sessions hand-off claim challenge of ${id}`);
  const binary = atob(signature.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
  expect(await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, bytes, text)).toBe(true);

  codes.set("id 1", "approved");
  await pass(500);
  expect(request.state).toEqual({ status: "guest", owner: "ada", session: "s", flow: "transfer", step: "amount" });
  expect(known.read).toHaveBeenCalled();
  await vi.waitFor(() => expect(known.tellOtherPages).toHaveBeenCalled());
});

test("a code is shown for 45 seconds, and the one before it can still let the page in", async () => {
  const { request, codes, until, pass } = screen();
  await until("asking");
  await pass(46_000);
  expect(request.state).toMatchObject({ code: "code 2" });
  codes.set("id 1", "approved");
  await pass(1_000);
  expect(request.state.status).toBe("guest");
});

test("a page that was reloaded shows the same code, and a hand-over that was approved meanwhile is claimed", async () => {
  const { reload, codes, sent, onDisk, until, pass } = screen();
  await until("asking");
  await pass(10_000);
  const reloaded = reload();
  await vi.waitFor(() => expect(reloaded.state).toEqual({ status: "asking", code: "code 1", number: 42 }));
  expect(sent.filter(({ name }) => name === "handOff.ask")).toHaveLength(1);

  codes.set("id 1", "approved");
  const again = reload();
  await vi.waitFor(() => expect(again.state).toMatchObject({ status: "guest", session: "s" }));
  expect(onDisk.size).toBe(0);
});

test("a page that is opened after the code's time shows a new code, and still claims the old one", async () => {
  const { reload, codes, until, pass } = screen();
  await until("asking");
  await pass(44_000);
  const reloaded = reload();
  await pass(2_000);
  await vi.waitFor(() => expect(reloaded.state).toMatchObject({ code: "code 2" }));
  codes.set("id 1", "approved");
  await pass(1_000);
  await vi.waitFor(() => expect(reloaded.state.status).toBe("guest"));
});

test("a page that is closed leaves no request behind", async () => {
  const { request, onDisk, until } = screen();
  await until("asking");
  expect(onDisk.size).toBe(1);
  request.close();
  await vi.waitFor(() => expect(onDisk.size).toBe(0));
});

test("after a decline or a wrong number another code comes at once", async () => {
  const { request, codes, until, pass } = screen();
  await until("asking");
  codes.set("id 1", "gone");
  await pass(1_000);
  expect(request.state).toMatchObject({ status: "asking", code: "code 2" });
});

test("S25: a screen that nobody looks at stops to ask after ten minutes, and goes on when a person says so", async () => {
  const { request, sent, until, pass, timers } = screen();
  await until("asking");
  await pass(601_000);
  expect(request.state.status).toBe("paused");
  expect(timers()).toEqual([]);
  expect(sent.filter(({ name }) => name === "handOff.ask").length).toBeLessThan(16);
  request.again();
  await until("asking");
});

test("a server that does not answer is said, and asked again", async () => {
  const { request, server, until, pass } = screen();
  server.away = true;
  await until("unreachable");
  server.away = false;
  await pass(3_000);
  await until("asking");
  // A code on the screen stays.
  server.away = true;
  await pass(2_000);
  expect(request.state.status).toBe("asking");
});

test.for(["signed_in", "too_many"])("an answer of %s is said, and nothing more is sent", async (answer) => {
  const { request, server, until, timers } = screen();
  server.answers = answer;
  await until(answer);
  expect(timers()).toEqual([]);
  request.close();
});

test("a closed page asks nothing more", async () => {
  const { request, sent, until, timers } = screen();
  await until("asking");
  request.close();
  expect(timers()).toEqual([]);
  expect(sent).toHaveLength(1);
});

test("a page without WebCrypto says so", async () => {
  vi.stubGlobal("crypto", { randomUUID: () => crypto.randomUUID() });
  const { until } = screen();
  await until("unsupported");
  vi.unstubAllGlobals();
});
