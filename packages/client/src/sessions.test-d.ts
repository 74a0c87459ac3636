import { expectTypeOf, test } from "vitest";
import type { createSessionsClient, SessionsClientOptions } from "./sessions.ts";
import type { transfer } from "./testing/transfer.ts";
import type { SessionTransport } from "./sync/http/transport.ts";

interface Common {
  readonly flows: [typeof transfer];
  readonly owner: string;
}

test("sessions have an address: a url or a transport", () => {
  expectTypeOf<typeof createSessionsClient>().parameter(0).toEqualTypeOf<SessionsClientOptions>();
  expectTypeOf<Common & { url: string }>().toExtend<SessionsClientOptions>();
  expectTypeOf<Common & { url: string; mount: string }>().toExtend<SessionsClientOptions>();
  expectTypeOf<Common & { transport: SessionTransport }>().toExtend<SessionsClientOptions>();
  expectTypeOf<Common>().not.toExtend<SessionsClientOptions>();
  expectTypeOf<Common & { url: string; transport: SessionTransport }>().not.toExtend<SessionsClientOptions>();
  expectTypeOf<Common & { mount: string; transport: SessionTransport }>().not.toExtend<SessionsClientOptions>();
});
