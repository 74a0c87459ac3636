import type { SessionsError } from "@sessions/core/internal";

/** How many of the errors that caused a fault, directly or not, are logged. */
const MAX_CAUSES = 10;

/** Logs a fault and its causes to the console. */
export function logFault(fault: SessionsError): void {
  console.error([fault.message, ...stackFrames(fault), ...causesOf(fault).flatMap(linesOf)].join("\n"));
}

/** The lines for an error of an application or a driver. Its message may quote what a person typed, so it is shown in development only. */
function linesOf(cause: Error): readonly string[] {
  const message =
    process.env["NODE_ENV"] === "development"
      ? `: ${cause.message}`
      : " (its message is shown where NODE_ENV is development: it may quote what a person typed)";
  return [`  caused by ${/^[\w$.]{1,100}$/.test(cause.name) ? cause.name : "Error"}${message}`, ...stackFrames(cause)];
}

function causesOf(fault: Error): readonly Error[] {
  const found = new Set<Error>([fault]);
  // The loop also reaches errors that are added to the set meanwhile.
  for (const error of found) {
    const causes: unknown[] = [error.cause, ...(error instanceof AggregateError ? error.errors : [])];
    for (const cause of causes) if (cause instanceof Error && found.size <= MAX_CAUSES) found.add(cause);
  }
  return [...found].slice(1);
}

/** The stack frames of an error. Its stack holds its message too, which may have lines that look like frames. */
export function stackFrames({ stack, name, message }: Error): readonly string[] {
  if (typeof stack !== "string") return [];
  const [head] = /^(?:[\w$.]+(?: \[\w+\])?: )?/.exec(stack)!;
  const heads = message === "" ? [name, `${name}: `] : [head, ""];
  // In any other case the error was renamed or its message was changed, and the stack may still hold the old message.
  const found = heads.find((before) => stack.startsWith(`${before}${message}\n`));
  if (found === undefined) return [];
  const start = found.length;
  const lines = stack.slice(start + message.length).split("\n");
  return lines.filter((line) => /^ {4}at .*(?::\d+:\d+|<anonymous>|native|index \d+)\)?$/.test(line));
}
