import { v7 as uuidv7 } from "uuid";
import { expect, test } from "vitest";
import { deviceSchema, idSchema } from "@sessions/core/internal";
import { commandIdOf, isServiceDevice, serviceDeviceOf } from "./service-id.ts";

test("services of one name are one device, which no browser is", () => {
  const device = serviceDeviceOf("Payments job");
  expect(deviceSchema.parse(device)).toEqual(device);
  expect(serviceDeviceOf("Payments job")).toEqual(device);
  expect(serviceDeviceOf("Other job").id).not.toBe(device.id);
  expect(isServiceDevice(device.id)).toBe(true);
  expect(isServiceDevice(uuidv7())).toBe(false);
});

test("S2: a text names the same command each time in its session, and another one in another session", () => {
  const [session, other] = [uuidv7(), uuidv7()];
  const id = commandIdOf(session, "2026-12/amount");
  expect(idSchema.parse(id)).toBe(id);
  expect(commandIdOf(session, "2026-12/amount")).toBe(id);
  expect(id.slice(0, 13)).toBe(session.slice(0, 13));
  expect(commandIdOf(session, "2026-11/amount")).not.toBe(id);
  expect(commandIdOf(other, "2026-12/amount")).not.toBe(id);
  expect(commandIdOf(session, other)).toBe(other);
});
