/** Everything that a page may load of the packages, with zod and tRPC's client. */
export * as core from "@sessions/core";
export * as client from "@sessions/client";
export * as devtools from "@sessions/client/devtools";
export * as react from "@sessions/react";
