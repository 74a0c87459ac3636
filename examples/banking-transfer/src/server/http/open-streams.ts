import type { ServerResponse } from "node:http";
import { tokenIn } from "../sign-in/cookies.ts";

/** The open streams of this node, by the cookie of their request. */
export interface OpenStreams {
  add(cookies: string | undefined, res: ServerResponse): void;
  /** Ends the streams of a browser that signs out, also those of a copy of its cookie. */
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
        // Other answers, such as that to the sign-out, end by themselves.
        if (res.getHeader("content-type") === "text/event-stream") res.destroy();
      }
    },
  };
}
