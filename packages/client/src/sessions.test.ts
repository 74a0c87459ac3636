import { expect, test } from "vitest";
import { createSessionsClient, type SessionsClientOptions } from "./sessions.ts";
import { transfer } from "./testing/transfer.ts";

const right = { flows: [transfer], url: "/trpc", owner: "ada" };
const transport = {} as NonNullable<SessionsClientOptions["transport"]>;

test.for<[string, object, string]>([
  ["an owner that is not known yet", { owner: undefined }, "owner"],
  ["an owner that is a number", { owner: 42 }, "owner"],
  ["no owner", { owner: "" }, "owner"],
  ["an owner of 201 characters", { owner: "x".repeat(201) }, "owner"],
  ["an owner that ends in half an emoji", { owner: "😀".slice(0, 1) }, "owner"],
  ["an owner with a NUL", { owner: "a\0" }, "owner"],
  ["a profile that begins with half an emoji", { profile: "😀".slice(1) }, "profile"],
  ["no address", { url: undefined }, "url and transport"],
  ["two addresses", { transport }, "url and transport"],
  ["a flow twice", { flows: [transfer, transfer] }, "flows"],
])("%s is a wrong configuration, which is named", ([, wrong, named]) => {
  const options = { ...right, ...wrong } as SessionsClientOptions;
  expect(() => createSessionsClient(options)).toThrow(new RegExp(`^configuration_invalid: .*${named}`));
});

test("an owner of whole emoji is one, of up to 200 characters", () => {
  expect(() => createSessionsClient({ ...right, owner: "😀".repeat(100) })).not.toThrow();
});
