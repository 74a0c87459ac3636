import { useCallback, useEffect, useState } from "react";
import { firstName, profile } from "./device.ts";
import type { User } from "./visit.ts";

/** How long a name may be. */
export const NAME_AT_MOST = 40;

/** What this device is called, and what calls it something else; its changes bear the name from then on. */
export function useDeviceName(user: User): readonly [string, (name: string) => void] {
  const key = keyOf(user);
  const [name, setName] = useState(() => {
    const found = read(key) ?? firstName(user);
    // The bank counts browsers anew once one has signed out; this one stays what it was called.
    write(key, found);
    return found;
  });
  useEffect(() => {
    // Another page of this browser may send for this one, too.
    const follow = (event: StorageEvent) => event.key === key && event.newValue !== null && setName(event.newValue);
    addEventListener("storage", follow);
    return () => removeEventListener("storage", follow);
  }, [key]);
  const rename = useCallback(
    (given: string) => {
      write(key, given);
      setName(given);
    },
    [key],
  );
  return [name, rename];
}

/** On signing out, when the device keeps nothing. */
export function forgetDeviceName(user: User): void {
  try {
    localStorage.removeItem(keyOf(user));
  } catch {
    // Then nothing is kept.
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
    // The browser keeps nothing: the name lasts as long as the page.
  }
}
