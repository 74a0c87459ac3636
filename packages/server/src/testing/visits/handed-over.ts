import { v7 as uuidv7 } from "uuid";
import { expect } from "vitest";
import { start } from "../bank.ts";
import { requestingBrowser } from "./requesting-browser.ts";
import { FetchBrowser } from "./fetch-browser.ts";
import type { PaymentNode } from "./payment-node.ts";

type Asked = { readonly id: string; readonly code: string; readonly challenge: string; readonly number: number };

/** Ada's phone with a payment, and a computer that asks, each on a node of its own. */
export async function handOver(phoneNode: PaymentNode, computerNode: PaymentNode) {
  const [phone, computer, key] = [new FetchBrowser(), new FetchBrowser(), await requestingBrowser()];
  const [owner, session] = [uuidv7(), uuidv7()];
  await phone.signIn(phoneNode, owner);
  await phone.push(phoneNode, start(session, "payment"));
  const { data: asked } = await computer.call<Asked>(computerNode, "signIns.handOff.ask", { publicKey: key.publicKey });
  const signed = async () => ({ id: asked.id, signature: await key.sign(asked.challenge) });
  const claim = async (on = computer, node: PaymentNode = computerNode) =>
    (await on.call(node, "signIns.handOff.claim", await signed())).data;
  const { code, number } = asked;
  const given = { code, number, session, flow: "payment" };
  return { phone, computer, owner, session, asked, signed, claim, given, phoneNode, computerNode };
}

/** The same, after the phone has let the computer in as a guest. */
export async function letIn(phoneNode: PaymentNode, computerNode: PaymentNode) {
  const handed = await handOver(phoneNode, computerNode);
  const { phone, computer, claim, given } = handed;
  expect((await phone.call(phoneNode, "signIns.handOff.approve", given)).data).toEqual({ status: "approved" });
  expect(await claim()).toMatchObject({ status: "begun", owner: handed.owner, session: handed.session });
  await computer.current(computerNode);
  return handed;
}
