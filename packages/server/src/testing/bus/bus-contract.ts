import { afterEach, expect, test } from "vitest";
import { v7 as uuidv7 } from "uuid";
import type { Bus, Notice } from "../../bus/bus.ts";

/** The functions that the contract needs from an implementation. */
export interface BusUnderTest {
  /** Makes one node's end of the bus. */
  make(): Bus;
  /** Cuts every end's connection, as a failing network would. */
  cut(): Promise<void>;
}

/** Tests that a bus does all that a bus must do. Call it in a test file of the implementation. */
export function busContract({ make, cut }: BusUnderTest): void {
  const opened: Bus[] = [];
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((bus) => bus.close()));
  });

  async function listening() {
    const bus = make();
    opened.push(bus);
    const heard: Notice[] = [];
    const hearing: boolean[] = [];
    let wake = () => {};
    bus.open({
      heard: (notices) => {
        heard.push(...notices);
        wake();
      },
      hearing: (hears) => {
        hearing.push(hears);
        wake();
      },
    });
    const until = async (fits: () => boolean) => {
      while (!fits()) await new Promise<void>((resolve) => (wake = resolve));
    };
    await until(() => hearing.at(-1) === true);
    return { bus, heard, hearing, until };
  }

  const notice = (revision = 1): Notice => ({ owner: `owner "${revision}" é\n`, session: uuidv7(), revision });

  test("what one node publishes, every node hears", async () => {
    const [a, b, c] = await Promise.all([listening(), listening(), listening()]);
    const sent = [notice(1), notice(2)];
    for (const each of sent) a.bus.publish(each);
    for (const node of [b, c]) {
      await node.until(() => node.heard.length >= 2);
      expect(node.heard).toEqual(expect.arrayContaining(sent));
    }
  });

  test("of a burst about one session, the newest revision is heard", async () => {
    const [a, b] = await Promise.all([listening(), listening()]);
    const { session, owner } = notice();
    for (let revision = 1; revision <= 500; revision += 1) a.bus.publish({ owner, session, revision });
    await b.until(() => b.heard.some(({ revision }) => revision === 500));
  });

  test("two owners' sessions of one id do not hide each other", async () => {
    const [a, b] = await Promise.all([listening(), listening()]);
    const session = uuidv7();
    a.bus.publish({ owner: "eve", session, revision: 9 });
    a.bus.publish({ owner: "ada", session, revision: 2 });
    await b.until(() => b.heard.some(({ owner }) => owner === "ada"));
  });

  test("after a cut it says that it is deaf, hears again by itself, and says so", async () => {
    const [a, b] = await Promise.all([listening(), listening()]);
    await cut();
    for (const node of [a, b]) {
      await node.until(() => node.hearing.length >= 3);
      expect(node.hearing).toEqual([true, false, true]);
    }
    const after = notice(3);
    a.bus.publish(after);
    await b.until(() => b.heard.some(({ session }) => session === after.session));
  });

  test("publishing while the connection is cut, and after closing, does not throw", async () => {
    const a = await listening();
    await cut();
    a.bus.publish(notice());
    await a.bus.close();
    a.bus.publish(notice());
    await a.bus.close();
  });
}
