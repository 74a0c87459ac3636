import { SessionsError } from "@sessions/core/internal";

/** Null for the fault that the dashboard has no keys. All other faults are thrown. */
export function unlessKeysMissing(error: unknown): null {
  if (error instanceof SessionsError && error.code === "keys_missing") return null;
  throw error;
}
