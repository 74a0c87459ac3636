import { useEffect, useState } from "react";
import { BANK_TIME_ZONE } from "../../limits.ts";

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const day = new Intl.DateTimeFormat("en-IE", { dateStyle: "long", timeZone: BANK_TIME_ZONE });
const dayAndTime = new Intl.DateTimeFormat("en-IE", { dateStyle: "medium", timeStyle: "short" });

/** How long ago a moment (ISO 8601) was: `just now`, `2 minutes ago`, `yesterday`. */
export function ago(iso: string, nowMs: number): string {
  const seconds = Math.round((nowMs - Date.parse(iso)) / 1_000);
  if (seconds < 45) return "just now";
  if (seconds < 2_700) return relative.format(-Math.max(1, Math.round(seconds / 60)), "minute");
  if (seconds < 79_200) return relative.format(-Math.max(1, Math.round(seconds / 3_600)), "hour");
  return relative.format(-Math.max(1, Math.round(seconds / 86_400)), "day");
}

/** The date of a moment in the bank's time zone: `1 December 2026`. */
export function bankDay(iso: string): string {
  return day.format(new Date(iso));
}

/** The date and time of a moment in the reader's time zone: `21 Nov 2026, 14:03`. */
export function dateAndTime(iso: string): string {
  return dayAndTime.format(new Date(iso));
}

/** How long an answer takes before a page says that it is missing, in milliseconds. */
const LONG_MS = 3_000;

/** Whether this has been waiting for a long time. */
export function useWaitsLong(waiting: boolean): boolean {
  const [long, setLong] = useState(false);
  useEffect(() => {
    if (!waiting) return;
    const timer = setTimeout(() => setLong(true), LONG_MS);
    return () => {
      clearTimeout(timer);
      setLong(false);
    };
  }, [waiting]);
  return long;
}

/** The time in milliseconds. It is renewed every ten seconds, so that "just now" becomes "1 minute ago". */
export function useNow(): number {
  const [nowMs, setNowMs] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), 10_000);
    return () => clearInterval(timer);
  }, []);
  return nowMs;
}
