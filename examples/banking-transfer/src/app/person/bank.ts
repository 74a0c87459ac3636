import { createTRPCClient, httpLink } from "@trpc/client";
import type { AppRouter } from "../../server/router.ts";

/** The bank's own procedures, beside its sessions: the sign-in and the account. */
export const bank = createTRPCClient<AppRouter>({ links: [httpLink({ url: "/trpc" })] });
