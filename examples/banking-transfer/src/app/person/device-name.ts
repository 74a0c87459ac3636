import { useCallback, useEffect, useState } from "react";
import { firstName, profile } from "./device.ts";
import type { User } from "./current-user.ts";

/** The greatest length of a name, in characters. */
export const MAX_NAME_LENGTH = 40;

export interface DeviceNaming {
  readonly name: string;
  /** Gives the device another name. Later changes from this device carry it. */
  rename(name: string): void;
}

/** The name of this device, which the person can change. */
export function useDeviceName(user: User): DeviceNaming {
  const key = keyOf(user);
  const [name, setName] = useState(() => {
    const found = read(key) ?? firstName(user);
    // The bank may give the name of a signed-out browser to another one. This browser keeps its name.
    write(key, found);
    return found;
  });
  useEffect(() => {
    // Another page of this browser may also send the changes of this page.
    const follow = (event: StorageEvent) => event.key === key && event.newValue !== null && setName(event.newValue);
    addEventListener("storage", follow);
    return () => removeEventListener("storage", follow);
  }, [key]);
  const rename = useCallback(
    (next: string) => {
      write(key, next);
      setName(next);
    },
    [key],
  );
  return { name, rename };
}

/** Removes the name at sign-out. */
export function clearDeviceName(user: User): void {
  try {
    localStorage.removeItem(keyOf(user));
  } catch {
    // A browser without storage has no name to remove.
  }
}

function keyOf({ id }: User): string {
  return `bank-device:${id}:${profile}`;
}

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, name: string): void {
  try {
    localStorage.setItem(key, name);
  } catch {
    // A browser without storage forgets the name with the page.
  }
}
