import express from "express";
import fastify from "fastify";
import { expectTypeOf, test } from "vitest";
import type { ReadOnlyVisit, SignIns, Visit } from "../index.ts";

declare const signIns: SignIns;

test("a visit of a server component reads, and has nothing that would need a cookie to be set", () => {
  expectTypeOf(signIns.read(new Headers())).resolves.toEqualTypeOf<ReadOnlyVisit>();
  for (const change of ["signInAs", "signOut", "revoke", "revokeOthers"] as const) {
    expectTypeOf<Visit>().toHaveProperty(change);
    expectTypeOf<ReadOnlyVisit>().not.toHaveProperty(change);
  }
});

test("a visit of node:http has to be looked at: a refused request has none", () => {
  expectTypeOf(signIns.node).returns.resolves.toEqualTypeOf<Visit | null>();
});

test("Express and Fastify take what is made for them, and `req.visit` is typed", () => {
  express().use(signIns.express(), (req) => expectTypeOf(req.visit).toEqualTypeOf<Visit>());
  expectTypeOf(fastify().register).toBeCallableWith(signIns.fastify());
});

test("a sign-in tells its refusal as data", async () => {
  const visit = {} as Visit;
  const signedIn = await visit.signInAs("ada", { factors: ["password"] });
  if (!signedIn.ok) expectTypeOf(signedIn.refused).toEqualTypeOf<"sign_in_limit">();
});

test("`requireFresh` takes a duration, and no text", () => {
  expectTypeOf<Visit["requireFresh"]>().toBeCallableWith("5m");
  // @ts-expect-error It is no duration.
  void ((visit: Visit) => visit.requireFresh("soon"));
});
