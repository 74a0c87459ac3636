import {
  createParser,
  groupDraftCommands,
  onlyOfSession,
  oversizeRefusal,
  parseCommands,
  refusedOutcome,
  type Command,
  type CommandGroup,
  type Device,
  type Outcome,
  type Proof,
  type PushReply,
  type PushRequest,
  type Refusal,
  SessionsError,
} from "@sessions/core/internal";
import { decide, judgeStored, type DecisionContext } from "./decision.ts";
import type { Reader } from "./reader.ts";
import { nextStored } from "./stored-session.ts";
import type { Turns } from "./turns.ts";

/** The size of the commands of one push, in bytes of JSON: the default of `@sessions/server`. */
const PUSH_BYTES = 1024 * 1024;

/** Who sends commands. */
export interface Sender extends Proof {
  readonly owner: string;
  /** There for a guest, who may fill in this session alone. */
  readonly guest?: { readonly session: string } | undefined;
}

export interface PushContext extends DecisionContext {
  readonly reader: Reader;
  readonly turns: Turns;
  /** The protocol's version that the server speaks. */
  readonly protocol: () => number;
  /** The refusal that a test has staged for all commands of a push. */
  readonly stagedPushRefusal: () => Refusal | undefined;
}

const encoder = new TextEncoder();
const byteLength = (text: string) => encoder.encode(text).length;

/** Executes the commands of a push: those of one session in their order, and those of different sessions beside one another. */
export async function push(
  context: PushContext,
  sender: Sender,
  { protocol, device, commands }: PushRequest,
): Promise<Omit<PushReply, "now">> {
  const refuseAll = (refusal: Refusal) => ({ outcomes: commands.map(() => refusedOutcome(refusal)), snapshots: [] });
  const excess = oversizeRefusal(commands, { pushBytes: PUSH_BYTES }, byteLength);
  if (excess !== null) return { outcomes: [refusedOutcome(excess)], snapshots: [] };
  const current = context.protocol();
  // A server of another version would not understand the page's commands, and says so.
  if (protocol !== current) return refuseAll({ code: "outdated", given: protocol, current });
  const staged = context.stagedPushRefusal();
  if (staged !== undefined) return refuseAll(staged);

  const parsed = await parseCommands(commands, async (work) => work());
  const { owner, guest } = sender;
  const { bySession, refused } = guest
    ? onlyOfSession(parsed.bySession, guest.session)
    : { bySession: parsed.bySession, refused: [] };
  const outcomes: Outcome[] = [];
  for (const [index, outcome] of [...parsed.malformed, ...refused]) outcomes[index] = outcome;
  const work = [...bySession].map(([session, indexed]) =>
    context.turns.run(`${owner} ${session}`, async () => {
      for (const group of groupDraftCommands(indexed)) {
        const decided = await executeGroup(context, sender, device, group);
        for (const [nth, { index }] of group.entries()) outcomes[index] = decided[nth]!;
      }
      return context.reader.read(owner, session);
    }),
  );
  const snapshots = (await Promise.all(work)).filter((snapshot) => snapshot !== null);
  return { outcomes, snapshots };
}

async function executeGroup(
  context: PushContext,
  sender: Sender,
  device: Device,
  group: CommandGroup,
): Promise<readonly Outcome[]> {
  if (group.length > 1) return executeDrafts(context, sender.owner, device, group);
  return [await executeCommand(context, sender, device, group[0].command)];
}

async function executeCommand(
  context: PushContext,
  sender: Sender,
  device: Device,
  command: Command,
): Promise<Outcome> {
  const { store, now, turns, report } = context;
  const { owner } = sender;
  const parse = createParser();
  const execute = async (): Promise<Outcome> => {
    const stored = store.load(owner, command.session);
    const judgement = judgeStored(context, stored, command, {
      nowMs: now(),
      device,
      proof: sender,
      guest: sender.guest,
      parse,
    });
    if (!judgement.settled) return decide(context, owner, stored, command, judgement);
    if (judgement.fault) report(judgement.fault);
    return judgement.outcome;
  };
  try {
    const flow = store.load(owner, command.session)?.snapshot.flow ?? (command.kind === "start" ? command.flow : "");
    const isLimited = (context.flows().get(flow)?.limits.length ?? 0) > 0;
    // While the sessions are counted for a limit, no other command of the owner is decided.
    return await (isLimited && command.kind !== "draft" ? turns.run(`${owner} ${flow}`, execute) : execute());
  } catch (error) {
    report(faultOf(error, command));
    return refusedOutcome({ code: "failed" });
  }
}

/** The flow's own path function may throw. */
function faultOf(error: unknown, { id, kind, session }: Command): SessionsError {
  if (error instanceof SessionsError) return error;
  return new SessionsError("internal", `Command ${id} (${kind}) of session ${session}.`, { cause: error });
}

/** Drafts of one session that follow one another make one revision. The first that changes something makes it. */
function executeDrafts(context: PushContext, owner: string, device: Device, group: CommandGroup): readonly Outcome[] {
  const { store, now, report } = context;
  const nowMs = now();
  const base = store.load(owner, group[0].command.session);
  let stored = base;
  const outcomes = group.map(({ command }): Outcome => {
    const judgement = judgeStored(context, stored, command, { nowMs, device });
    if (judgement.settled) {
      if (judgement.fault) report(judgement.fault);
      return judgement.outcome;
    }
    const { session, change } = judgement.advanced;
    const revision = base!.snapshot.revision + 1;
    const replayed = stored !== base;
    stored = nextStored(stored, { ...session, revision }, change, command);
    return { status: "accepted", revision, replayed };
  });
  if (stored !== null && stored !== base) store.put(owner, stored);
  return outcomes;
}
