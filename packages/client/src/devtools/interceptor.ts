import type { Command } from "@sessions/core/internal";
import { createDeferred } from "../deferred.ts";
import type { Api } from "../sync/api.ts";

/** A command's kind, session and step, without the values that a person typed. */
export interface CommandName {
  readonly kind: Command["kind"];
  readonly session: string;
  /** Null for a start and a cancellation. */
  readonly step: string | null;
}

/** The kind and the step that name a command in the panel. */
export type CommandTitle = Pick<CommandName, "kind" | "step">;

/** Stands between a tab and its server. */
export interface Interceptor {
  /** The commands that were sent and are not answered, by id: another map after every change. */
  readonly sending: ReadonlyMap<string, CommandName>;
  /** The names of all commands that this page has sent or shown, by id: an outcome has only an id. */
  readonly names: Map<string, CommandTitle>;
  readonly isCut: boolean;
  readonly drops: boolean;
  /** From now on no call and no reply passes, not even one that is under way. */
  cut(): void;
  mend(): void;
  /** Sets whether the reply to the next push is lost when it comes. */
  dropReply(drops: boolean): void;
  /** Restores the connection and the methods of the `Api`. */
  remove(): void;
}

/** Replaces the methods of `api`. All code that asks the server holds this one object, so it calls the new methods. */
export function interceptApi(api: Api): Interceptor {
  const real = { ...api };
  let sending: ReadonlyMap<string, CommandName> = new Map();
  const names: Interceptor["names"] = new Map();
  let isCut = false;
  // Rejects when the connection is cut.
  let severed = createDeferred<never>();
  let drops = false;

  function through<Reply>(call: () => Promise<Reply>): Promise<Reply> {
    return isCut ? severed.promise : Promise.race([call(), severed.promise]);
  }

  function cut(): void {
    isCut = true;
    // A rejection is no error if no code waits for it now.
    severed.promise.catch(() => {});
    severed.reject(new Error("Offline by the devtools."));
  }

  function mend(): void {
    if (isCut) severed = createDeferred();
    isCut = false;
  }

  async function push(...[commands, ms]: Parameters<Api["push"]>): ReturnType<Api["push"]> {
    const sent = new Map(commands.map((command) => [command.id, nameOf(command)]));
    sending = new Map([...sending, ...sent]);
    for (const [id, name] of sent) names.set(id, name);
    try {
      const reply = await real.push(commands, ms);
      if (!drops) return reply;
    } finally {
      sending = new Map([...sending].filter(([id]) => !sent.has(id)));
    }
    drops = false;
    throw new Error("The devtools dropped the reply.");
  }

  Object.assign(api, {
    push: (commands, ms) => through(() => push(commands, ms)),
    read: (session, ms) => through(() => real.read(session, ms)),
    list: (request) => through(() => real.list(request)),
    receipt: (request, ms) => through(() => real.receipt(request, ms)),
    changes: (known, after) => through(() => real.changes(known, after)),
    watch(known, observer) {
      if (!isCut) return real.watch(known, observer);
      severed.promise.catch(observer.onError);
      return () => {};
    },
  } satisfies Api);

  return {
    names,
    get sending() {
      return sending;
    },
    get isCut() {
      return isCut;
    },
    get drops() {
      return drops;
    },
    cut,
    mend,
    dropReply(next) {
      drops = next;
    },
    remove() {
      mend();
      Object.assign(api, real);
    },
  };
}

export function nameOf(command: Command): CommandName {
  return { kind: command.kind, session: command.session, step: "step" in command ? command.step : null };
}
