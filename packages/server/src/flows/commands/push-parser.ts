import { commandSchema, counted, MAX_COMMANDS, type Command, type Outcome, type Refusal } from "@sessions/core";
import type { Bounds } from "../configuration/bounds.ts";
import { refused } from "./judgement.ts";

/** A command of a push, and its position there. */
export interface PlacedCommand {
  readonly index: number;
  readonly command: Command;
}

/** Why a push is refused as a whole. It is found by counting, before any command is parsed. */
export function excessOf(commands: readonly unknown[], { pushBytes }: Bounds): Refusal | null {
  if (commands.length > MAX_COMMANDS) return { code: "too_many_commands", atMost: MAX_COMMANDS };
  return weighsMore(commands, pushBytes) ? { code: "too_large", atMost: pushBytes } : null;
}

/**
 * Parses the commands of a push one by one, and groups them by session. A value that is no command is refused at once.
 * `run` runs each parse.
 */
export async function parseCommands(
  commands: readonly unknown[],
  run: <T>(work: () => T) => Promise<T>,
): Promise<{
  readonly bySession: ReadonlyMap<string, readonly PlacedCommand[]>;
  readonly malformed: ReadonlyMap<number, Outcome>;
}> {
  const bySession = new Map<string, PlacedCommand[]>();
  const malformed = new Map<number, Outcome>();
  for (const [index, value] of commands.entries()) {
    const parsed = await run(() => commandSchema.safeParse(value));
    if (!parsed.success) {
      malformed.set(index, refused({ code: "malformed", ...counted(parsed.error.issues) }));
      continue;
    }
    const placed = bySession.get(parsed.data.session) ?? [];
    placed.push({ index, command: parsed.data });
    bySession.set(parsed.data.session, placed);
  }
  return { bySession, malformed };
}

/** Commands that are written together: one command, or drafts of one session. */
export type CommandGroup = readonly [PlacedCommand, ...PlacedCommand[]];

/** Groups a session's commands: drafts that follow one another are one group, and any other command is its own. */
export function groupDrafts(placed: readonly PlacedCommand[]): readonly CommandGroup[] {
  const groups: [PlacedCommand, ...PlacedCommand[]][] = [];
  for (const each of placed) {
    const last = groups.at(-1);
    if (each.command.kind === "draft" && last?.[0].command.kind === "draft") last.push(each);
    else groups.push([each]);
  }
  return groups;
}

/** Whether values take more than `atMost` bytes as JSON, roughly. It stops there, no matter how deep the values nest. */
function weighsMore(values: readonly unknown[], atMost: number): boolean {
  let left = atMost;
  const stack: unknown[] = [...values];
  while (stack.length > 0) {
    const value = stack.pop();
    left -= 4;
    if (typeof value === "string") left -= Buffer.byteLength(value);
    if (left < 0) return true;
    if (typeof value !== "object" || value === null) continue;
    // A longer array cannot fit, so its items are not even listed.
    if (Array.isArray(value) && value.length > left) return true;
    for (const [key, part] of Object.entries(value)) {
      if (!Array.isArray(value)) left -= key.length;
      stack.push(part);
    }
  }
  return false;
}
