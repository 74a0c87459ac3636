export { maxCompletions, maxOpenSessions, type MaxCompletionsOptions } from "@sessions/core/limits";
export type { TestClock } from "./clock.ts";
export { serve, type ServedFlow, type ServeOptions } from "./serve.ts";
export type { HistoryEntry } from "./sessions/stored-session.ts";
export type { OtherDevice } from "./stage/other-device.ts";
export type { Seed } from "./stage/seed.ts";
export type { SignInOptions } from "./stage/sign-in.ts";
export { createTestServer, type TestServer, type TestServerOptions } from "./test-server.ts";
