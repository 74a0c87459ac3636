import { expect, test, vi } from "vitest";
import { browserEnvironment, type Environment } from "../environment.ts";
import { startAsking } from "./asking.ts";
import type { Change, ChangeName, SignInApi } from "./sign-in-api.ts";
import type { KnownSignIn } from "./sign-in-state.ts";

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

/** A server that answers as the test says, and a clock that the test moves. */
function screen() {
  let elapsedMs = 0;
  let timers: { readonly atMs: number; readonly run: () => void }[] = [];
  const sent: Sent[] = [];
  const codes = new Map<string, "waiting" | "gone" | "approved">();
  const server = { away: false, answers: "asked" };
  const environment: Environment = {
    ...browserEnvironment,
    elapsed: () => elapsedMs,
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
  // Both parts have only the members that an asking uses.
  const asking = startAsking({
    api: { change } as unknown as SignInApi,
    known: known as unknown as KnownSignIn,
    environment,
  });
  const until = (status: string) => vi.waitFor(() => expect(asking.state.status).toBe(status));
  /** Lets time pass, a timer at a time. */
  const pass = async (ms: number) => {
    for (const endMs = elapsedMs + ms; ;) {
      await when(() => timers.length > 0);
      const [next] = timers.toSorted((one, other) => one.atMs - other.atMs);
      if (next!.atMs > endMs) return void (elapsedMs = endMs);
      elapsedMs = next!.atMs;
      timers = timers.filter((one) => one !== next);
      next!.run();
      // The step that the timer began ends with another timer, or with the end of the asking.
      await when(() => timers.length > 0 || asking.state.status !== "asking");
      if (timers.length === 0) return undefined;
    }
  };
  const claims = () => sent.filter(({ name }) => name === "handOff.claim");
  return { asking, server, codes, known, sent, claims, until, pass, timers: () => timers };
}

test("S21: the page shows a code and a number, and claims with a signature of its own key over a challenge that it does not show", async () => {
  const { asking, codes, known, sent, claims, until, pass } = screen();
  await until("asking");
  expect(asking.state).toEqual({ status: "asking", code: "code 1", number: 42 });
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
  expect(asking.state).toEqual({ status: "guest", owner: "ada", session: "s", flow: "transfer", step: "amount" });
  expect(known.read).toHaveBeenCalled();
  await vi.waitFor(() => expect(known.tellOtherPages).toHaveBeenCalled());
});

test("a code is shown for 45 seconds, and the one before it can still let the page in", async () => {
  const { asking, codes, until, pass } = screen();
  await until("asking");
  await pass(46_000);
  expect(asking.state).toMatchObject({ code: "code 2" });
  codes.set("id 1", "approved");
  await pass(1_000);
  expect(asking.state.status).toBe("guest");
});

test("after a decline or a wrong number another code comes at once", async () => {
  const { asking, codes, until, pass } = screen();
  await until("asking");
  codes.set("id 1", "gone");
  await pass(1_000);
  expect(asking.state).toMatchObject({ status: "asking", code: "code 2" });
});

test("S25: a screen that nobody looks at stops to ask after ten minutes, and goes on when a person says so", async () => {
  const { asking, sent, until, pass, timers } = screen();
  await until("asking");
  await pass(601_000);
  expect(asking.state.status).toBe("paused");
  expect(timers()).toEqual([]);
  expect(sent.filter(({ name }) => name === "handOff.ask").length).toBeLessThan(16);
  asking.again();
  await until("asking");
});

test("a server that does not answer is said, and asked again", async () => {
  const { asking, server, until, pass } = screen();
  server.away = true;
  await until("unreachable");
  server.away = false;
  await pass(3_000);
  await until("asking");
  // A code on the screen stays.
  server.away = true;
  await pass(2_000);
  expect(asking.state.status).toBe("asking");
});

test.for(["signed_in", "too_many"])("an answer of %s is said, and nothing more is sent", async (answer) => {
  const { asking, server, until, timers } = screen();
  server.answers = answer;
  await until(answer);
  expect(timers()).toEqual([]);
  asking.close();
});

test("a closed page asks nothing more", async () => {
  const { asking, sent, until, timers } = screen();
  await until("asking");
  asking.close();
  expect(timers()).toEqual([]);
  expect(sent).toHaveLength(1);
});

test("a page without WebCrypto says so", async () => {
  vi.stubGlobal("crypto", { randomUUID: () => crypto.randomUUID() });
  const { until } = screen();
  await until("unsupported");
  vi.unstubAllGlobals();
});
