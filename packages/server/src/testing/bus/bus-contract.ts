import { afterEach, expect, test } from "vitest";
import { v7 as uuidv7 } from "uuid";
import type { Bus, Notice, SessionNotice, SignInNotice } from "../../bus/bus.ts";
import type { ChannelBusOptions } from "../../bus/channel-bus.ts";
import { proxied } from "../connections/tcp-proxy.ts";

/** The functions that the contract needs from an implementation. */
export interface BusUnderTest {
  /** The server that carries the notices. */
  readonly url: string;
  /** Makes one node's end of the bus, through the server at this URL. */
  make(url: string, options?: ChannelBusOptions): Bus;
  /** Cuts every end's connection, as a failing network would. */
  cut(): Promise<void>;
  /** How many connections all ends have together. */
  connections(): Promise<number>;
}

/** Tests that a bus does all that a bus must do. Call it in a test file of the implementation. */
export function busContract({ url, cut, connections, ...implementation }: BusUnderTest): void {
  const make = () => implementation.make(url);
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    await Promise.all(closers.splice(0).map((close) => close()));
  });

  async function listening(bus = make()) {
    const arrived: Notice[] = [];
    const changes: boolean[] = [];
    let wake = () => {};
    const close = bus.open({
      onNotices: (notices) => {
        arrived.push(...notices);
        wake();
      },
      onListeningChange: (isListening) => {
        changes.push(isListening);
        wake();
      },
    });
    closers.push(close);
    const until = async (fits: () => boolean) => {
      while (!fits()) await new Promise<void>((resolve) => (wake = resolve));
    };
    await until(() => changes.at(-1) === true);
    const receive = (notice: Notice) =>
      until(() => arrived.some((each) => JSON.stringify(each) === JSON.stringify(notice)));
    return { bus, arrived, changes, until, receive, close };
  }

  const notice = (revision = 1): SessionNotice => ({
    kind: "session",
    owner: `owner "${revision}" é\n`,
    session: uuidv7(),
    revision,
  });
  const signInNotice = (): SignInNotice => ({ kind: "sign_in", content: { ended: [uuidv7()], of: 'owner "é"\n' } });

  test("what one node publishes, every node is told, itself too", async () => {
    const [a, b, c] = await Promise.all([listening(), listening(), listening()]);
    const sent = [notice(1), signInNotice(), notice(2), signInNotice()];
    for (const each of sent) a.bus.publish(each);
    for (const node of [a, b, c]) {
      await node.until(() => node.arrived.length >= 4);
      expect(node.arrived).toEqual(expect.arrayContaining(sent));
    }
  });

  test("the longest notice of a sign-in arrives", async () => {
    const [a, b] = await Promise.all([listening(), listening()]);
    const longest: Notice = { kind: "sign_in", content: "é".repeat(1_999) };
    a.bus.publish(longest);
    await b.receive(longest);
  });

  test("of a burst about one session, the newest revision arrives", async () => {
    const [a, b] = await Promise.all([listening(), listening()]);
    const first = notice();
    for (let revision = 1; revision <= 500; revision += 1) a.bus.publish({ ...first, revision });
    await b.receive({ ...first, revision: 500 });
  });

  test("of a burst of sign-ins' notices, every one arrives", async () => {
    const [a, b] = await Promise.all([listening(), listening()]);
    const sent = Array.from({ length: 500 }, signInNotice);
    for (const each of sent) a.bus.publish(each);
    await b.until(() => b.arrived.length >= 500);
    expect(b.arrived).toEqual(expect.arrayContaining(sent));
  });

  test("two owners' sessions of one id do not hide each other", async () => {
    const [a, b] = await Promise.all([listening(), listening()]);
    const session = uuidv7();
    a.bus.publish({ kind: "session", owner: "eve", session, revision: 9 });
    a.bus.publish({ kind: "session", owner: "ada", session, revision: 2 });
    await b.receive({ kind: "session", owner: "ada", session, revision: 2 });
  });

  test("two listeners of one node share its connection, and each is told everything", async () => {
    const flows = await listening();
    const signIns = await listening(flows.bus);
    // Those of the tests before may be closing.
    await expect.poll(connections).toBe(1);
    const other = await listening();
    for (const sent of [notice(), signInNotice()]) {
      other.bus.publish(sent);
      await flows.receive(sent);
      await signIns.receive(sent);
    }
  });

  test("a listener that is removed is told nothing more; the node's other one is, until it is removed too", async () => {
    const flows = await listening();
    const signIns = await listening(flows.bus);
    const other = await listening();
    await flows.close();
    await flows.close();
    const sent = notice();
    other.bus.publish(sent);
    await signIns.receive(sent);
    expect(flows.arrived).toEqual([]);
    signIns.bus.publish(notice(2));
    await other.until(() => other.arrived.some((each) => each.kind === "session" && each.revision === 2));
    await signIns.close();
    await other.close();
    await expect.poll(connections).toBe(0);
  });

  test("a bus whose last listener was removed can be opened again", async () => {
    const { bus, close } = await listening();
    await close();
    const [again, other] = await Promise.all([listening(bus), listening()]);
    const sent = notice();
    bus.publish(sent);
    await other.receive(sent);
    expect(again.changes).toEqual([true]);
  });

  test("what was published just before the last listener is removed still arrives", async () => {
    const [a, b] = await Promise.all([listening(), listening()]);
    const sent = signInNotice();
    a.bus.publish(sent);
    await a.close();
    await b.receive(sent);
  });

  test("after a cut it tells every listener that it is deaf, listens again by itself, and says so", async () => {
    const [a, b] = await Promise.all([listening(), listening()]);
    const second = await listening(a.bus);
    await cut();
    for (const node of [a, b, second]) {
      await node.until(() => node.changes.length >= 3);
      expect(node.changes).toEqual([true, false, true]);
    }
    const after = notice(3);
    a.bus.publish(after);
    await b.receive(after);
  });

  test("publishing while the connection is cut, and after closing, does not throw", async () => {
    const a = await listening();
    await cut();
    a.bus.publish(notice());
    await a.close();
    a.bus.publish(notice());
    a.bus.publish({ kind: "sign_in", content: "x".repeat(10_000) });
  });

  async function behindProxy(options: ChannelBusOptions) {
    const { proxy, url: through } = await proxied(url);
    closers.push(() => proxy.close());
    return { proxy, node: await listening(implementation.make(through, options)) };
  }

  test("a node whose connection delivers nothing, and says nothing, tells that it is deaf; then it listens again", async () => {
    const { proxy, node } = await behindProxy({ checkEveryMs: 500 });
    proxy.isSilent = true;
    await node.until(() => node.changes.at(-1) === false);
    proxy.isSilent = false;
    await node.until(() => node.changes.at(-1) === true);
    const other = await listening();
    const sent = notice();
    other.bus.publish(sent);
    await node.receive(sent);
  });

  test("what a node publishes while the server refuses it is sent when the server takes it again", async () => {
    const { proxy, node } = await behindProxy({});
    const other = await listening();
    proxy.refusing = true;
    proxy.cut();
    await node.until(() => node.changes.at(-1) === false);
    const [ofSession, ofSignIn] = [notice(), signInNotice()];
    node.bus.publish(ofSession);
    node.bus.publish(ofSignIn);
    proxy.refusing = false;
    await other.receive(ofSession);
    await other.receive(ofSignIn);
  });

  test("on a slow connection, notices arrive in time, and nobody is called deaf", async () => {
    const { proxy, node } = await behindProxy({ checkEveryMs: 1_000 });
    proxy.delayMs = 100;
    const other = await listening();
    for (let revision = 1; revision <= 20; revision += 1) {
      const sent = notice(revision);
      other.bus.publish(sent);
      await node.receive(sent);
    }
    expect(node.changes).toEqual([true]);
  });
}
