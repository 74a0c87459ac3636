import type { SessionsError } from "@sessions/core/internal";
import { faultFrom } from "../postgres/errors.ts";

export function activityFault(error: unknown): SessionsError {
  return faultFrom(error, { where: "In the keeping of activities.", migrate: "activity.migrate()" });
}
