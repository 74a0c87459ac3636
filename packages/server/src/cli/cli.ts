#!/usr/bin/env node
import { exitCodes, Interrupted } from "./exit-code.ts";
import { runCli } from "./program.ts";
import { processTerminal } from "./terminal.ts";

/** How long a command may take to stop by itself, in milliseconds. */
const STOPPING_MS = 2_000;

// The driver's warnings are for those who write its options in code.
process.removeAllListeners("warning");

process.stdout.on("error", ({ code }: NodeJS.ErrnoException) => {
  // Whoever reads may have had enough, as `head` has: no fault, and nobody is left to be told.
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
    const reason = new Interrupted(code);
    stop.abort(reason);
    // What cannot be stopped in between is not waited for: Postgres takes back what is not committed.
    const leave = () => {
      process.stderr.write(`${reason.message}\n`);
      process.exit(code);
    };
    setTimeout(leave, STOPPING_MS).unref();
  });
}

process.exitCode = await runCli(process.argv.slice(2), processTerminal(stop.signal));
// A connection that failed while it came about is left open by the driver.
setTimeout(() => process.exit(), 200).unref();
