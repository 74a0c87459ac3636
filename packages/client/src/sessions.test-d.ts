import { expectTypeOf, test } from "vitest";
import type { createSessions, SessionsOptions } from "./sessions.ts";
import type { transfer } from "./testing/transfer.ts";
import type { SessionTransport } from "./sync/http/transport.ts";

interface Common {
  readonly flows: [typeof transfer];
  readonly owner: string;
}

test("sessions have an address: a url or a transport", () => {
  expectTypeOf<typeof createSessions>().parameter(0).toEqualTypeOf<SessionsOptions>();
  expectTypeOf<Common & { url: string }>().toExtend<SessionsOptions>();
  expectTypeOf<Common & { url: string; mount: string }>().toExtend<SessionsOptions>();
  expectTypeOf<Common & { transport: SessionTransport }>().toExtend<SessionsOptions>();
  expectTypeOf<Common>().not.toExtend<SessionsOptions>();
  expectTypeOf<Common & { url: string; transport: SessionTransport }>().not.toExtend<SessionsOptions>();
  expectTypeOf<Common & { mount: string; transport: SessionTransport }>().not.toExtend<SessionsOptions>();
});
