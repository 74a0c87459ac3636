import { defineFlow, step } from "@sessions/core";
import { TRPCClientError } from "@trpc/client";
import { z } from "zod";
import { AnswerError, type Answer } from "../sync/http/answer.ts";
import { openTab, someone } from "./devices.ts";
import { ScriptedServer } from "./scripted-server.ts";
import { transfer } from "./transfer.ts";

/** A flow with a step whose fields may have any name and length. */
export const notes = defineFlow({
  name: "notes",
  version: 1,
  steps: { text: step({ input: z.record(z.string(), z.string()) }), last: step({ input: z.object({}) }) },
});

/** What a proxy answers, as the client's own transport tells it. */
export function answers(answer: Partial<Answer>): never {
  throw TRPCClientError.from(new AnswerError({ status: 0, url: "https://bank.test/trpc/sessions.push", ...answer }));
}

/** Sessions of somebody, and their server behind a proxy that `answers` in its place. */
export function openProxied(options: { readonly maxPushBytes?: number } = {}) {
  const server = new ScriptedServer([transfer, notes]);
  const faults: string[] = [];
  const sessions = openTab(server, {
    owner: someone(),
    flows: [transfer, notes],
    onError: ({ message }) => faults.push(message),
    ...options,
  });
  return { server, sessions, faults };
}
