import type { FastifySessionOptions } from "@fastify/session";
import expressSession from "express-session";
import { expectTypeOf, test } from "vitest";
import { SessionsStore, type StoredSession } from "./sessions-store.ts";

test("a store is given to express-session and to @fastify/session without a cast", () => {
  const store = new SessionsStore();
  expectTypeOf(expressSession).toBeCallableWith({ store, secret: "secret" });
  expectTypeOf<(options: FastifySessionOptions) => void>().toBeCallableWith({ store, secret: "secret" });
});

test("a session is data with a cookie, or what the caller says", () => {
  const store = new SessionsStore();
  store.get("sid", (_, session) => expectTypeOf(session).toEqualTypeOf<StoredSession | undefined>());
  store.get<{ user: string }>("sid", (_, session) => expectTypeOf(session?.user).toEqualTypeOf<string | undefined>());
});
