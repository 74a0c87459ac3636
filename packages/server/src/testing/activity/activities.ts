import { z } from "zod";
import type { SessionsError } from "@sessions/core/internal";
import {
  count,
  createActivity,
  defineActivity,
  distinct,
  first,
  last,
  sum,
  type ActivitiesOptions,
} from "../../activity/index.ts";
import type { Database } from "../../postgres/database.ts";

/** An activity with each kind of counter. */
export const reading = defineActivity({
  name: "reading",
  gap: "1h",
  lateness: "24h",
  events: {
    post_opened: z.object({ post: z.string(), seconds: z.int().optional() }),
    post_liked: z.object({ post: z.string() }),
  },
  counts: {
    posts: count("post_opened"),
    different: distinct("post_opened", "post"),
    seconds: sum("post_opened", "seconds"),
    entered: first("post_opened", "post"),
    left: last("post_opened", "post"),
    likes: count("post_liked"),
  },
});

/** An activity that counts some of the same events, by the server's clock. */
export const likes = defineActivity({
  name: "likes",
  gap: "5m",
  clock: "server",
  events: { post_liked: reading.events.post_liked },
  counts: { likes: count("post_liked") },
});

/** A node with both. Its faults are collected in `faults`. */
export function testActivity(
  database: Database,
  options: Partial<Omit<ActivitiesOptions, "activities">> = {},
  faults: SessionsError[] = [],
) {
  return createActivity({
    database,
    activities: [reading, likes],
    onError: (fault) => faults.push(fault),
    ...options,
  });
}
