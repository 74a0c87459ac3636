import type { ServerResponse } from "node:http";
import { tokenIn } from "./cookies.ts";

/** The streams that are open on this node, by the cookie that they were opened with. */
export interface OpenStreams {
  add(cookies: string | undefined, res: ServerResponse): void;
  /** Ends those of a browser that signs out: who has kept its cookie hears no more either. */
  end(cookies: string | undefined): void;
}

export function openStreams(): OpenStreams {
  const open = new Map<string, Set<ServerResponse>>();

  return {
    add(cookies, res) {
      const token = tokenIn(cookies);
      if (!token) return;
      const others = open.get(token) ?? new Set();
      open.set(token, others.add(res));
      res.once("close", () => {
        others.delete(res);
        if (others.size === 0) open.delete(token);
      });
    },
    end(cookies) {
      for (const res of open.get(tokenIn(cookies) ?? "") ?? []) {
        // What is being answered, the signing out itself among it, ends by itself.
        if (res.getHeader("content-type") === "text/event-stream") res.destroy();
      }
    },
  };
}
