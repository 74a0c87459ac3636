import type { DataDefinitions } from "@sessions/core";
import { z } from "zod";

export const visitData = {
  theme: { schema: z.enum(["light", "dark"]), per: "sign-in" },
} satisfies DataDefinitions;
