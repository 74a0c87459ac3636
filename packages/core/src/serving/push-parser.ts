import { boundedIssues } from "../issues.ts";
import { commandSchema, type Command } from "../protocol/command.ts";
import { MAX_COMMANDS, type Outcome } from "../protocol/protocol.ts";
import type { Refusal } from "../refusal.ts";
import { refusedOutcome } from "./judgement.ts";

/** A command of a push, and its position there. */
export interface IndexedCommand {
  readonly index: number;
  readonly command: Command;
}

/** Gives the size of a text in bytes of UTF-8. Each platform has its own way. */
export type ByteLength = (text: string) => number;

/** The refusal of a push that has too many commands or too many bytes; null for any other. It counts, and parses no command. */
export function oversizeRefusal(
  commands: readonly unknown[],
  { pushBytes }: { readonly pushBytes: number },
  byteLength: ByteLength,
): Refusal | null {
  if (commands.length > MAX_COMMANDS) return { code: "too_many_commands", atMost: MAX_COMMANDS };
  return isLargerThan(commands, pushBytes, byteLength) ? { code: "too_large", atMost: pushBytes } : null;
}

/**
 * Parses the commands of a push one by one, and groups them by session. A value that is no command is refused at once.
 * `run` runs each parse.
 */
export async function parseCommands(
  commands: readonly unknown[],
  run: <T>(work: () => T) => Promise<T>,
): Promise<{
  readonly bySession: ReadonlyMap<string, readonly IndexedCommand[]>;
  readonly malformed: ReadonlyMap<number, Outcome>;
}> {
  const bySession = new Map<string, IndexedCommand[]>();
  const malformed = new Map<number, Outcome>();
  for (const [index, value] of commands.entries()) {
    const parsed = await run(() => commandSchema.safeParse(value));
    if (!parsed.success) {
      malformed.set(index, refusedOutcome({ code: "malformed", ...boundedIssues(parsed.error.issues) }));
      continue;
    }
    const indexed = bySession.get(parsed.data.session) ?? [];
    indexed.push({ index, command: parsed.data });
    bySession.set(parsed.data.session, indexed);
  }
  return { bySession, malformed };
}

/** A push without the commands that a guest sends of other sessions, and the outcomes of those. */
export function onlyOfSession(
  bySession: ReadonlyMap<string, readonly IndexedCommand[]>,
  own: string,
): {
  readonly bySession: ReadonlyMap<string, readonly IndexedCommand[]>;
  readonly refused: ReadonlyMap<number, Outcome>;
} {
  const others = [...bySession].filter(([session]) => session !== own).flatMap(([, indexed]) => indexed);
  const outcomeOf = ({ kind }: Command) => refusedOutcome({ code: kind === "start" ? "guest" : "not_found" });
  return {
    bySession: new Map([...bySession].filter(([session]) => session === own)),
    refused: new Map(others.map(({ index, command }) => [index, outcomeOf(command)])),
  };
}

/** Commands that are written together: one command, or drafts of one session. */
export type CommandGroup = readonly [IndexedCommand, ...IndexedCommand[]];

/** Groups a session's commands: drafts that follow one another are one group, and any other command is its own. */
export function groupDraftCommands(indexed: readonly IndexedCommand[]): readonly CommandGroup[] {
  const groups: [IndexedCommand, ...IndexedCommand[]][] = [];
  for (const each of indexed) {
    const last = groups.at(-1);
    if (each.command.kind === "draft" && last?.[0].command.kind === "draft") last.push(each);
    else groups.push([each]);
  }
  return groups;
}

/** Whether values take more than `atMost` bytes as JSON, roughly. It stops there, no matter how deep the values nest. */
function isLargerThan(values: readonly unknown[], atMost: number, byteLength: ByteLength): boolean {
  let left = atMost;
  const stack: unknown[] = [...values];
  while (stack.length > 0) {
    const value = stack.pop();
    left -= 4;
    if (typeof value === "string") left -= byteLength(value);
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
