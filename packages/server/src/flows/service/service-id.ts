import { hash } from "node:crypto";
import type { Device } from "@sessions/core/internal";
import { LATEST_UUID_MS, momentOf, uuidV7Of } from "../../uuid-v7.ts";

/** The device that stands for a service in histories: every service of this name, on every node. */
export function serviceDeviceOf(name: string): Device {
  return { id: uuidV7Of(LATEST_UUID_MS, hash("sha256", `service ${name}`, "buffer")), name };
}

/** Whether a device id is that of a service. Its moment is the latest one, in the year 10889: no browser makes such an id. */
export function isServiceDevice(id: string): boolean {
  return momentOf(id) === LATEST_UUID_MS;
}

/**
 * The id of a command by the key that a service gives it. A UUIDv7 is the id itself. Any other text gives the same id each
 * time, in the same session. Its moment is that of the session's id.
 */
export function commandIdOf(session: string, key: string): string {
  if (momentOf(key) !== undefined) return key;
  return uuidV7Of(momentOf(session) ?? 0, hash("sha256", `${session} ${key}`, "buffer"));
}
