import { afterAll, beforeAll, expect, test } from "vitest";
import { freshDatabase } from "./testing/postgres.ts";
import { requestingBrowser } from "./testing/visits/requesting-browser.ts";
import { FetchBrowser } from "./testing/visits/fetch-browser.ts";
import { handOver } from "./testing/visits/handed-over.ts";
import { createPaymentNode } from "./testing/visits/payment-node.ts";

const { url } = await freshDatabase();
const createNode = () => createPaymentNode({ url, now: Date.now, handOff: true });
const nodes = [createNode(), createNode(), createNode()] as const;
const [one, two] = nodes;
beforeAll(() => one.migrate());
afterAll(() => Promise.all(nodes.map(({ close }) => close())));

/** What a hundred browsers are told that claim at once, on three nodes. */
async function claimed(claim: { readonly id: string; readonly signature: string }): Promise<readonly string[]> {
  const answers = Array.from({ length: 100 }, (_, nth) =>
    new FetchBrowser().call(nodes[nth % 3]!, "signIns.handOff.claim", claim),
  );
  return (await Promise.all(answers)).map(({ status, data }) => `${status} ${String(data?.["status"])}`);
}

async function approved() {
  const handed = await handOver(one, two);
  const { phone, given } = handed;
  expect((await phone.call(one, "signIns.handOff.approve", given)).data).toEqual({ status: "approved" });
  const guests = async () => {
    const { data } = await phone.call<{ signIns: readonly { guestSession: string | null }[] }>(
      one,
      "signIns.list",
      undefined,
      {},
    );
    return data.signIns.filter(({ guestSession }) => guestSession !== null);
  };
  return { ...handed, guests };
}

test("S21: of a hundred claims of one code at once, one guest is left, and nobody is told that the server is away", async () => {
  const { signed, guests } = await approved();
  const answers = await claimed(await signed());
  expect(new Set(answers)).toEqual(new Set(["200 begun", "200 waiting"]));
  // Each lets a guest in for whom the owner's row is locked, and ends the one before.
  expect(answers.filter((answer) => answer === "200 begun").length).toBeLessThan(30);
  expect(await guests()).toHaveLength(1);
});

test("S21: a hundred relays of one code at once get nothing, and end what it granted", async () => {
  const { asked, claim, guests } = await approved();
  expect(await claim()).toMatchObject({ status: "begun" });
  const thief = await requestingBrowser();
  const answers = await claimed({ id: asked.id, signature: await thief.sign(asked.challenge) });
  expect(new Set(answers)).toEqual(new Set(["200 gone"]));
  expect(await guests()).toHaveLength(0);
});
