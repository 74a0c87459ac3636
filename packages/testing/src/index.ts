export { maxCompletions, maxOpenSessions, type MaxCompletionsOptions } from "@sessions/core/limits";
export type { TestClock } from "./clock.ts";
export { serve, type ServedFlow, type ServeOptions } from "./serve.ts";
export type { HistoryEntry } from "./sessions/stored-session.ts";
export type { OtherDevice } from "./setup/other-device.ts";
export type { Seed } from "./setup/seed.ts";
export type { SignInOptions } from "./setup/sign-in.ts";
export { createTestServer, type TestServer, type TestServerOptions } from "./test-server.ts";
