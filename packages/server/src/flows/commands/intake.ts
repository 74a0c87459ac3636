import { commandSchema, counted, MAX_COMMANDS, type Command, type Outcome, type Refusal } from "@sessions/core";
import type { Bounds } from "../served/bounds.ts";
import { refused } from "./judgement.ts";

/** A command of a push, and where it stands there. */
export interface Placed {
  readonly index: number;
  readonly command: Command;
}

/** Why a push is not taken at all. Found by counting, before anything of it is looked at. */
export function excessOf(commands: readonly unknown[], { pushBytes }: Bounds): Refusal | null {
  if (commands.length > MAX_COMMANDS) return { code: "too_many_commands", atMost: MAX_COMMANDS };
  return weighsMore(commands, pushBytes) ? { code: "too_large", atMost: pushBytes } : null;
}

/**
 * The commands of a push by session, each parsed by itself; what is no command has its outcome at once. `run`: where
 * each is parsed.
 */
export async function sorted(
  commands: readonly unknown[],
  run: <T>(work: () => T) => Promise<T>,
): Promise<{
  readonly bySession: ReadonlyMap<string, readonly Placed[]>;
  readonly malformed: ReadonlyMap<number, Outcome>;
}> {
  const bySession = new Map<string, Placed[]>();
  const malformed = new Map<number, Outcome>();
  for (const [index, given] of commands.entries()) {
    const parsed = await run(() => commandSchema.safeParse(given));
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

/** A session's commands as they are taken: drafts that follow one another are one turn, and one write. */
export function turnsOf(placed: readonly Placed[]): readonly (readonly [Placed, ...Placed[]])[] {
  const turns: [Placed, ...Placed[]][] = [];
  for (const each of placed) {
    const last = turns.at(-1);
    if (each.command.kind === "draft" && last?.[0].command.kind === "draft") last.push(each);
    else turns.push([each]);
  }
  return turns;
}

/** Whether values take more than so many bytes as JSON, roughly. Looks no further than that, however deep they nest. */
function weighsMore(values: readonly unknown[], atMost: number): boolean {
  let left = atMost;
  const stack: unknown[] = [...values];
  while (stack.length > 0) {
    const value = stack.pop();
    left -= 4;
    if (typeof value === "string") left -= Buffer.byteLength(value);
    if (left < 0) return true;
    if (typeof value !== "object" || value === null) continue;
    // What cannot fit is not even listed.
    if (Array.isArray(value) && value.length > left) return true;
    for (const [key, part] of Object.entries(value)) {
      if (!Array.isArray(value)) left -= key.length;
      stack.push(part);
    }
  }
  return false;
}
