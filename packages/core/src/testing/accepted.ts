import type { Snapshot } from "../protocol/snapshot.ts";
import type { Advanced } from "../session/advance.ts";

/** The session after a command. @throws {Error} if the command was refused. */
export function accepted(result: Advanced): Snapshot {
  if (!result.accepted) throw new Error(`Refused: ${JSON.stringify(result.refusal)}`);
  return result.session;
}
