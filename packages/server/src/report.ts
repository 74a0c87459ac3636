import type { SessionsError } from "@sessions/core";

/** How many errors that caused a fault, or caused those, are told. */
const MAX_CAUSES = 10;

/** Tells the console of a fault, and of what caused it. */
export function logFault(fault: SessionsError): void {
  console.error([fault.message, ...framesOf(fault), ...causesOf(fault).flatMap(told)].join("\n"));
}

/** What an application or a driver threw. Its message may quote what a person typed: it is for development alone. */
function told(cause: Error): readonly string[] {
  const message =
    process.env["NODE_ENV"] === "development"
      ? `: ${cause.message}`
      : " (its message is shown where NODE_ENV is development: it may quote what a person typed)";
  return [`  caused by ${/^[\w$.]{1,100}$/.test(cause.name) ? cause.name : "Error"}${message}`, ...framesOf(cause)];
}

function causesOf(fault: Error): readonly Error[] {
  const found = new Set<Error>([fault]);
  // A set's iteration also meets what is added on the way.
  for (const error of found) {
    const causes: unknown[] = [error.cause, ...(error instanceof AggregateError ? error.errors : [])];
    for (const cause of causes) if (cause instanceof Error && found.size <= MAX_CAUSES) found.add(cause);
  }
  return [...found].slice(1);
}

/** Where an error comes from. Its message stands in its stack too, and may have lines that look like these. */
export function framesOf({ stack, name, message }: Error): readonly string[] {
  if (typeof stack !== "string") return [];
  const [head] = /^(?:[\w$.]+(?: \[\w+\])?: )?/.exec(stack)!;
  const heads = message === "" ? [name, `${name}: `] : [head, ""];
  // Anything else is of an error that was renamed or worded anew, and its first words may still stand there.
  const found = heads.find((before) => stack.startsWith(`${before}${message}\n`));
  if (found === undefined) return [];
  const start = found.length;
  const lines = stack.slice(start + message.length).split("\n");
  return lines.filter((line) => /^ {4}at .*(?::\d+:\d+|<anonymous>|native|index \d+)\)?$/.test(line));
}
