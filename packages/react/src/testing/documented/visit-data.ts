import type { DataDefinitions } from "@sessions/core";
import { z } from "zod";

export const visitData = {
  theme: { schema: z.enum(["light", "dark"]), per: "sign-in" },
  cart: { schema: z.object({ items: z.array(z.string().max(50)).max(100) }), per: "owner" },
} satisfies DataDefinitions;
