/** A change of text in a source file below `packages/`. The file must have `find` exactly once. */
export interface Patch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** A way to break the code that the simulation must notice. */
export interface Mutant {
  readonly name: string;
  readonly patches: readonly Patch[];
}

const one = (name: string, file: string, find: string, replace: string): Mutant => ({
  name,
  patches: [{ file, find, replace }],
});

export const mutants: readonly Mutant[] = [
  one(
    "acknowledge before the commit",
    "server/src/postgres/committer.ts",
    "const made = await this.#options.commit(batch.map(({ write }) => write));",
    "for (const { settle } of batch) settle.resolve(true); const made = await this.#options.commit(batch.map(({ write }) => write));",
  ),
  one(
    "resolve on a request's success instead of its transaction's completion",
    "client/src/store/database.ts",
    "await completed;",
    'completed.catch(() => {}); await new Promise((resolve) => reading.addEventListener("success", resolve));',
  ),
  one(
    "skip the receipt",
    "core/src/serving/judgement.ts",
    'if (receipt) return settle({ status: "accepted", revision: receipt.revision, replayed: true });',
    "",
  ),
  one(
    "drop a refused submission",
    "client/src/record/reply.ts",
    ", change, restoreDraft(command, refusal, context))(record)",
    ")(record)",
  ),
  {
    name: "elect a leader once, and never again",
    patches: [
      {
        file: "client/src/sync/tabs/election.ts",
        find: "const hold = () => {\n      if (mine === request) become(true);",
        replace: "const hold = (lock?: unknown) => {\n      if (lock && mine === request) become(true);",
      },
      {
        file: "client/src/sync/tabs/election.ts",
        find: "steal ? { steal } : { signal }",
        replace: "{ ifAvailable: true }",
      },
      { file: "client/src/sync/tabs/election.ts", find: "if (!isHidden()) enter(true);", replace: "" },
    ],
  },
  one(
    "take an older snapshot",
    "client/src/record/snapshot.ts",
    "if (isOlder(snapshot, record.snapshot)) return record;",
    "",
  ),
  one(
    "forget the owner in the store's name",
    "client/src/store/store.ts",
    "const prefix = `sessions:${encodeURIComponent(owner)}:`;",
    "const prefix = `sessions:anybody:`;",
  ),
  one(
    "forget the owner when a session is loaded",
    "server/src/flows/rows/active.ts",
    'return db.selectFrom("session").select(sessionSelection).where("owner_id", "=", owner).where("id", "=", id);',
    'return db.selectFrom("session").select(sessionSelection).where("id", "=", id);',
  ),
  {
    name: "update a session whatever its revision",
    patches: [
      {
        file: "server/src/flows/rows/update-statements.ts",
        find: "where session.revision = input.revision - 1",
        replace: "",
      },
      {
        file: "server/src/flows/rows/update-statements.ts",
        find: 'and revision = ${given("revision")} - 1 and',
        replace: "and",
      },
    ],
  },
  one(
    "send again under a new id",
    "client/src/sync/push/batch.ts",
    "if (!put(command)) return;\n  }\n  if (!withDrafts)",
    "if (!put({ ...command, id: id() })) return;\n  }\n  if (!withDrafts)",
  ),
  one(
    "merge drafts by their arrival",
    "core/src/session/drafts.ts",
    "if (!Object.hasOwn(after, field) || after[field]!.at < edit.at) after[field] = edit;",
    "after[field] = edit;",
  ),
  one(
    "clear the queue before the reply",
    "client/src/sync/push/pusher.ts",
    "let reply;",
    "let reply; for (const { session } of commands) void store.change(session, (record) => ({ ...record, pending: [] }));",
  ),
  one(
    "forget a write that the disk refused",
    "client/src/store/record-on-disk.ts",
    "      onRefused();\n      return;",
    "      onRefused();\n      changes = [];\n      return;",
  ),
  {
    name: "count the limit outside the transaction",
    patches: [
      {
        file: "server/src/flows/commands/decision.ts",
        find: "  const deciding = () =>",
        replace: `  const counted = new Map();
  for (const limit of served.limits) {
    const tx = context.db.withSchema(context.schema);
    counted.set(limit, await limit.check(limitContext(tx, owner, served.flow.name, context.now())));
  }
  early.set(command, counted);
  const deciding = () =>`,
      },
      {
        file: "server/src/flows/commands/decision.ts",
        find: "const refusal = await limit.check(limitContext(ownTx, owner, served.flow.name, nowMs));",
        replace: "const refusal = early.get(command).get(limit);",
      },
      {
        file: "server/src/flows/commands/decision.ts",
        find: "/** Another writer came first, so the transaction must be rolled back. */",
        replace: "const early = new WeakMap();",
      },
    ],
  },
  one(
    "accept a command after the deadline",
    "core/src/session/advance.ts",
    "const { status, expiresAt } = expireIfDue(session, context.nowMs);",
    "const { status, expiresAt } = session;",
  ),
  one(
    "tell watchers before the commit",
    "server/src/flows/commands/command-execution.ts",
    "const isWritten = await context.writer.write(owner, next);",
    "context.publish(owner, next.stored.snapshot); const isWritten = await context.writer.write(owner, next);",
  ),
  one(
    "refuse from memory",
    "server/src/flows/commands/command-execution.ts",
    "if (judgement.settled && !fresh) {",
    'if (judgement.settled && !fresh && judgement.outcome.status === "accepted") {',
  ),
  one(
    "empty the shelf at the next write",
    "client/src/store/record-on-disk.ts",
    "compose(...batch)(lift(before))",
    "compose(...batch)({ ...lift(before), shelved: [] })",
  ),
  one(
    "archive without moving",
    "server/src/flows/rows/archive.ts",
    "if (!(await deleteActive(tx, owner, before.snapshot.id, before.snapshot.revision))) return false;",
    "",
  ),
  one(
    "never look for notices that the bus has lost",
    "server/src/flows/watch/relay.ts",
    "const owners = hub.owners().toSorted(",
    "const owners = ([] as string[]).toSorted(",
  ),
  {
    name: "leave a broken stream alone",
    patches: [
      {
        file: "client/src/sync/watcher.ts",
        find: "const wasLive = events > 0;\n",
        replace: "if (started) return;\n    const wasLive = events > 0;\n",
      },
      {
        file: "client/src/sync/polling.ts",
        find: "function ask(): void {",
        replace: "function ask(): void {\n    if (isOpen()) return;",
      },
      {
        file: "client/src/sync/watcher.ts",
        find: "if (isFine && !force) return;",
        replace: "return;",
      },
    ],
  },
  one(
    "confirm again under a new id",
    "client/src/sync/confirm-step.ts",
    "api.push([command], ",
    "api.push([{ ...command, id: environment.id() }], ",
  ),
  one("never ask for the outcome of a confirmation", "client/src/session/session.ts", "confirmation.recover();", ""),
  one(
    "give up a command that waits for another version",
    "client/src/record/reply.ts",
    'held ||= code === "outdated" || code === "busy";',
    'held ||= code === "busy";',
  ),
  one(
    "read an earlier version's step as this one's",
    "core/src/session/lift.ts",
    "parseInput(definition, step, migrateInput(mapping, input))",
    "({ ok: true as const, value: old })",
  ),
  one("keep a step's old name", "core/src/session/lift.ts", "step = migration.to ?? step;", ""),
  one(
    "drop commands that were queued by another version",
    "client/src/record/lift.ts",
    "      version,\n      snapshot:",
    "      version,\n      pending: [],\n      snapshot:",
  ),
  one(
    "take a deleted store for a new device's",
    "client/src/store/store.ts",
    "if (known === undefined && wasUnsent) mark({ lost: true });",
    "",
  ),
  one("leave something behind after the sign-out", "client/src/store/database.ts", "    store.clear();\n", ""),
  one(
    "call an unknown commit a refusal",
    "server/src/flows/commands/command-execution.ts",
    'if (fault?.code.startsWith("database_") && !isDataError(error)) throw error;',
    "",
  ),
  one(
    "redact the steps that an earlier version does not know",
    "core/src/session/redact.ts",
    "if (flow === undefined || version >= flow.version) return false;",
    "if (flow === undefined || !Object.hasOwn(flow.steps, step)) return true;",
  ),
  one(
    "let a snapshot delete unsent drafts",
    "client/src/record/snapshot.ts",
    "const drafts = endedHere ? {} : record.drafts;",
    "const drafts = {};",
  ),
  one(
    "drop a draft that is in conflict with another device's submission",
    "client/src/record/snapshot.ts",
    "      shelveUnseen(unseen, record.snapshot, device),\n",
    "",
  ),
  one(
    "drop a draft that another device replaced unseen",
    "client/src/record/snapshot.ts",
    "      shelveOverwritten(unseen),\n",
    "",
  ),
  one(
    "let a submission take drafts that it has not seen",
    "client/src/record/queue.ts",
    "const left = withoutSeenFields(draftFields, command.seenDrafts);",
    "const left: typeof draftFields = {};",
  ),
];
