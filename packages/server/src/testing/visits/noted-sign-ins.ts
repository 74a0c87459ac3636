import type { Bus, Identity } from "../../index.ts";

/** The sign-ins of an application, on one of its nodes: each request names one, and the bus tells their ends. */
export interface NotedSignIns {
  /** The identity of a sign-in, as the application's `identify` gives it; undefined after its end. */
  identityOf(signIn: string, owner: string): Identity | undefined;
  /** Ends a sign-in on this node, and then on the others. */
  end(signIn: string): void;
  close(): Promise<void>;
}

/** Makes the sign-ins of one node over the bus that its sessions use too. */
export function notedSignIns(bus: Bus): NotedSignIns {
  const ended = new Set<string>();
  const waiting = new Map<string, Set<() => void>>();
  const endHere = (signIn: string) => {
    ended.add(signIn);
    for (const end of waiting.get(signIn) ?? []) end();
  };
  const close = bus.open({
    onListeningChange: () => {},
    onNotices: (notices) => {
      for (const notice of notices) if (notice.kind === "sign_in") endHere(notice.content as string);
    },
  });
  return {
    identityOf(signIn, owner) {
      if (ended.has(signIn)) return undefined;
      const onEnded = (end: () => void) => {
        const all = waiting.get(signIn) ?? new Set();
        waiting.set(signIn, all.add(end));
        if (ended.has(signIn)) end();
        return () => all.delete(end);
      };
      return { owner, onEnded };
    },
    end(signIn) {
      endHere(signIn);
      bus.publish({ kind: "sign_in", content: signIn });
    },
    close,
  };
}
