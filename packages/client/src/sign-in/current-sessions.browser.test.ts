import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import type { Environment } from "../environment.ts";
import { quick, someone } from "../testing/devices.ts";
import { ScriptedServer } from "../testing/scripted-server.ts";
import { ScriptedSignIns } from "../testing/scripted-sign-ins.ts";
import { recipient, transfer } from "../testing/transfer.ts";
import { assembleSessionsClient, type SessionsClient } from "../sessions.ts";
import { assembleCurrentSessions, type CurrentSessions } from "./current-sessions.ts";
import { syncOf } from "./visitor-records.ts";
import { createSignInClient } from "./sign-in-client.ts";

const SECRETS = "sessions:visitors";
let signIns: ScriptedSignIns;
let server: ScriptedServer;

beforeEach(() => {
  localStorage.removeItem(SECRETS);
  [signIns, server] = [new ScriptedSignIns(), new ScriptedServer([transfer])];
  vi.stubGlobal("fetch", (input: string, init?: RequestInit) =>
    signIns.answer(new Request(new URL(input, location.href), init)),
  );
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** A page types into the sessions of a visitor for a shorter time after the sign-in. */
const environment: Environment = { ...quick, after: (ms, run) => quick.after(ms === 1_000 ? 20 : ms, run) };

/** A page of the browser. */
function openPage() {
  const signIn = createSignInClient({ url: signIns.url });
  const current: CurrentSessions = assembleCurrentSessions(
    { signIn, flows: [transfer], url: "/never-asked" },
    environment,
    ({ owner }) => assembleSessionsClient({ flows: [transfer], owner, transport: server.transport }, quick),
  );
  const close = () => {
    current.close();
    signIn.close();
  };
  onTestFinished(close);
  return { signIn, current, close };
}

const shows = (current: CurrentSessions, isVisitor: boolean) =>
  vi.waitFor(
    () => {
      expect(current.state.isVisitor).toBe(isVisitor);
      expect(current.state.sessions).not.toBeNull();
      return current.state.sessions!;
    },
    { timeout: 5_000 },
  );
/** Nothing of a visitor is left in this browser. */
const moved = () =>
  vi.waitFor(
    async () => {
      const names = (await indexedDB.databases()).map(({ name }) => name!);
      expect(names.filter((name) => name.startsWith("sessions:visitor-"))).toEqual([]);
      expect(JSON.parse(localStorage.getItem(SECRETS)!)).toEqual([]);
    },
    { timeout: 5_000 },
  );

/** A stranger types, while the server is away: one step is queued, and one field is half typed. */
async function typing(sessions: SessionsClient, cents = "12,") {
  server.faults.away = true;
  const session = sessions.start(transfer);
  void session.submit("recipient", recipient);
  session.draft("amount", { cents });
  await sessions.ready;
  await syncOf(sessions).store.written();
  return session.id;
}

async function expectMoved(sessions: SessionsClient, id: string, cents = "12,") {
  server.faults.away = false;
  const session = sessions.open(transfer, id);
  await vi.waitFor(
    () => {
      expect(session.state).toMatchObject({ data: { recipient }, drafts: { amount: { cents } } });
      expect(server.sessions.get(id)?.snapshot).toMatchObject({ data: { recipient } });
    },
    { timeout: 5_000 },
  );
  const starts = server.pushes.flatMap(({ commands }) => commands);
  expect(starts.filter(({ kind }) => kind === "start").length).toBeGreaterThan(0);
  expect(server.sessions.size).toBe(1);
}

test("S20: what a stranger typed and queued is the owner's after the sign-in, and the visitor is gone", async () => {
  const { signIn, current } = openPage();
  const stranger = await shows(current, true);
  const id = await typing(stranger);
  const [device, ada] = [stranger.device.id, someone()];
  signIns.signInAs(ada);
  await signIn.refresh();
  const own = await shows(current, false);
  expect(own.device.id).toBe(device);
  await expectMoved(own, id);
  await moved();
  expect([...signIns.adopters.values()]).toEqual([ada]);
});

test("S20: after a sign-in by a form, the next page is the stranger's device, whoever opens the owner's sessions", async () => {
  const before = openPage();
  const stranger = await shows(before.current, true);
  const id = await typing(stranger);
  before.close();
  const ada = someone();
  signIns.signInAs(ada);
  const { signIn, current } = openPage();
  const device = await new Promise<string>((resolve) => {
    // The application opens them as soon as it knows the owner.
    const stop = signIn.subscribe(() => {
      stop();
      const sessions = assembleSessionsClient({ flows: [transfer], owner: ada, transport: server.transport }, quick);
      onTestFinished(() => sessions.close());
      void sessions.ready.then(() => resolve(sessions.device.id));
    });
  });
  expect(device).toBe(stranger.device.id);
  const own = await shows(current, false);
  expect(own.device.id).toBe(device);
  await expectMoved(own, id);
  await moved();
  const names = () => document.cookie.split("; ").filter((cookie) => cookie.includes(device));
  // The visitor's is gone.
  await vi.waitFor(() => expect(names()).toHaveLength(1));
});

test("S20: two pages go on with the owner's sessions, and keep what was typed in the other page last", async () => {
  const [one, two] = [openPage(), openPage()];
  const [first, second] = [await shows(one.current, true), await shows(two.current, true)];
  const id = await typing(first);
  await vi.waitFor(() => expect(second.open(transfer, id).state).toMatchObject({ data: { recipient } }));
  signIns.signInAs(someone());
  const refreshed = one.signIn.refresh();
  second.open(transfer, id).draft("amount", { cents: "125" });
  await refreshed;
  for (const { current } of [one, two]) await expectMoved(await shows(current, false), id, "125");
  await moved();
});

test("S20: a page that dies at any step of the adoption loses nothing: the next page goes on", async () => {
  let hasDied = true;
  for (let step = 0; hasDied; step += 1) {
    [signIns, server] = [new ScriptedSignIns(), new ScriptedServer([transfer])];
    const before = openPage();
    const id = await typing(await shows(before.current, true));
    const ada = someone();
    signIns.signInAs(ada);
    const life = dyingAfter(step);
    await before.signIn.refresh();
    await Promise.race([life.death, moved().catch(() => {})]);
    hasDied = life.isDead();
    before.close();
    life.end();
    // The browser takes the locks of a page that is gone.
    await vi.waitFor(async () => {
      const { held } = await navigator.locks.query();
      expect(held!.filter(({ name }) => name!.startsWith("sessions visitor-"))).toEqual([]);
    });

    const after = openPage();
    await expectMoved(await shows(after.current, false), id);
    await moved();
    after.close();
  }
});

test("S20: another owner who signs in gets nothing, and the owner finds it later", async () => {
  const first = openPage();
  const id = await typing(await shows(first.current, true));
  first.close();
  const secret = (JSON.parse(localStorage.getItem(SECRETS)!) as { secret: string }[])[0]!.secret;
  const [ada, eve] = [someone(), someone()];
  signIns.adopters.set(secret, ada);
  signIns.signInAs(eve);
  const second = openPage();
  const own = await shows(second.current, false);
  await own.ready;
  expect(own.open(transfer, id).state.status).not.toBe("active");
  // Whoever comes next without a sign-in is another visitor.
  signIns.browser = null;
  await second.signIn.refresh();
  await shows(second.current, true);
  await vi.waitFor(() => expect(JSON.parse(localStorage.getItem(SECRETS)!)).toHaveLength(2));
  signIns.signInAs(ada);
  await second.signIn.refresh();
  await expectMoved(await shows(second.current, false), id);
});

/** A page that changes nothing more after so many changes of the disk or requests. */
function dyingAfter(steps: number) {
  let left = steps;
  const died = Promise.withResolvers<void>();
  const guard = () => {
    left -= 1;
    if (left >= 0) return;
    died.resolve();
    throw new DOMException("The page is dead.", "AbortError");
  };
  const { fetch } = globalThis;
  const { transaction } = IDBDatabase.prototype;
  const { deleteDatabase } = IDBFactory.prototype;
  globalThis.fetch = (...given) => {
    try {
      guard();
    } catch (error) {
      return Promise.reject(error);
    }
    return fetch(...given);
  };
  IDBDatabase.prototype.transaction = function (...given) {
    if (given[1] === "readwrite") guard();
    return transaction.apply(this, given);
  };
  IDBFactory.prototype.deleteDatabase = function (...given) {
    guard();
    return deleteDatabase.apply(this, given);
  };
  return {
    death: died.promise,
    isDead: () => left < 0,
    end() {
      globalThis.fetch = fetch;
      Object.assign(IDBDatabase.prototype, { transaction });
      Object.assign(IDBFactory.prototype, { deleteDatabase });
    },
  };
}
