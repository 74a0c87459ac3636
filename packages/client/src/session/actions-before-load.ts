import type { Fields } from "../record/drafts.ts";

/** Something that a person did before the session was known. A draft has a step and fields; a command has no step. */
export interface ActionBeforeLoad {
  readonly step: string | null;
  readonly fields: Fields;
}

/** Actions that wait, in memory alone, until the client knows the session, or knows that it does not exist. */
export interface ActionsBeforeLoad {
  /** The actions that wait, in their order. */
  readonly entries: readonly ActionBeforeLoad[];
  /** Runs an action as soon as the session is known. `isKnown`: it was known already, so the person sees it. */
  run<T>(action: (isKnown: boolean) => T, entry?: ActionBeforeLoad): T | Promise<T>;
  /** The session is known now. The actions that wait run soon. */
  end(): void;
}

/** `onChange` runs after every change of `entries`. */
export function createActionsBeforeLoad(onChange: () => void): ActionsBeforeLoad {
  let entries: readonly ActionBeforeLoad[] = [];
  let isKnown = false;
  let end!: () => void;
  const known = new Promise<void>((resolve) => (end = resolve));

  return {
    get entries() {
      return entries;
    },
    run(action, entry = { step: null, fields: {} }) {
      if (isKnown) return action(true);
      entries = [...entries, entry];
      onChange();
      return known.then(() => {
        entries = entries.filter((other) => other !== entry);
        try {
          return action(false);
        } finally {
          onChange();
        }
      });
    },
    end() {
      isKnown = true;
      end();
    },
  };
}
