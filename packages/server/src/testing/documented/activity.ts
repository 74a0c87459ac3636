import { count, createActivity, defineActivity, distinct } from "@sessions/server/activity";
import { z } from "zod";
import { pool } from "./router.ts";

export const reading = defineActivity({
  name: "reading",
  gap: "1h",
  events: { post_opened: z.object({ post: z.string().max(50) }) },
  counts: { posts: count("post_opened"), different: distinct("post_opened", "post") },
});

export const activity = createActivity({ database: pool, activities: [reading] });
