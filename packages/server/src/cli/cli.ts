#!/usr/bin/env node
import { exitCodes, InterruptedError } from "./terminal/exit-code.ts";
import { runCli } from "./program.ts";
import { processTerminal } from "./terminal/terminal.ts";

/** How long a command may take to stop by itself, in milliseconds. */
const STOPPING_MS = 2_000;

// The driver's warnings are for developers who set its options in code.
process.removeAllListeners("warning");

process.stdout.on("error", ({ code }: NodeJS.ErrnoException) => {
  // The reader may stop early, as `head` does. That is no fault, and nobody reads a message.
  if (code === "EPIPE") process.exit(exitCodes.pipeClosed);
  process.stderr.write(`Nothing more can be written (${code}).\n`);
  process.exit(exitCodes.failed);
});
process.stderr.on("error", () => process.exit(exitCodes.pipeClosed));

const stop = new AbortController();
const signals = [
  ["SIGINT", exitCodes.interrupted],
  ["SIGTERM", exitCodes.terminated],
] as const;
for (const [signal, code] of signals) {
  process.on(signal, () => {
    if (stop.signal.aborted) process.exit(code);
    const reason = new InterruptedError(code);
    stop.abort(reason);
    // A command that does not stop in time is ended: Postgres rolls back its uncommitted transactions.
    const leave = () => {
      process.stderr.write(`${reason.message}\n`);
      process.exit(code);
    };
    setTimeout(leave, STOPPING_MS).unref();
  });
}

process.exitCode = await runCli(process.argv.slice(2), processTerminal(stop.signal));
// The driver leaves a connection open if it failed while it was being made.
setTimeout(() => process.exit(), 200).unref();
