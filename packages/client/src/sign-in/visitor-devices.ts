import { inheritDeviceCookies, readDeviceCookie, writeDeviceCookie } from "../store/device-cookie.ts";
import { unadoptedVisitors } from "./visitor.ts";

// An owner who has no device in this browser takes over the visitor's. Then all that the visitor typed stays this device's,
// also in the copies that the server has.

/** Takes over the device of a visitor whose sessions this page has open. It may have no cookie yet. */
export function inheritDevice(device: string, owner: string, profile: string): void {
  const cookie = readDeviceCookie(owner, profile);
  if (cookie.device === undefined) writeDeviceCookie(owner, profile, { device, unsent: false, lost: false });
}

/** Takes over the devices of the visitors who have typed in this browser, on any page. */
export function inheritVisitorsDevices(owner: string): void {
  for (const visitor of unadoptedVisitors()) inheritDeviceCookies(visitor, owner);
}
