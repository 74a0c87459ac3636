/** Every fault that the packages raise, with its meaning. docs/errors.md has a heading for each. */
export const faultCodes = {
  flow_invalid: "A flow's definition contradicts itself.",
  path_invalid: "A flow's path function threw, or returned something that is not a list of its own steps.",
  migration_failed: "Data of an earlier version of a flow cannot be lifted. It is kept.",
  configuration_invalid: "An option has a value that cannot work.",
  context_invalid: "The host's `identify` returned something that cannot be used.",
  identify_failed: "The host's `identify` threw, or took too long.",
  database_unreachable: "The database does not answer.",
  database_not_migrated: "The database lacks tables that this version needs.",
  database_newer: "The database was migrated by a newer version.",
  output_invalid: "A step handler or `complete` returned something that its schema does not allow.",
  hidden_invalid: "A submitted step has no hidden value that the schema of its flow allows.",
  handler_failed: "The application's own step handler or `complete` threw.",
  handler_timed_out: "The application's own step handler or `complete` took too long.",
  database_failed: "The database refused a statement.",
  event_invalid: "An event, its id or its moment is not one that an activity takes.",
  queue_full: "Too many events wait to be written. This one was not recorded.",
  projection_failed: "A projection's handler threw at an entry. The session of the entry waits.",
  projection_late: "A projection has not applied an entry within the time that was given.",
  keys_missing: "A value is sealed with a key that the node was not given.",
  keys_failed: "The provider of keys did not answer, or threw.",
  sealed_invalid: "A sealed value does not open at its place: it was changed, exchanged, or sealed with another key.",
  overloaded: "This node, or this owner, has too many requests at once.",
  visitor_adopted: "The visitor has signed in: the owner has what the visitor began.",
  closed: "The sessions object was closed.",
  internal: "Something failed that should not have.",
  server_unreachable: "The server does not answer the page.",
  router_not_found: "Another program answers at the address of the router.",
  answer_unexpected: "The answer is not one of the router.",
  origin_refused: "A server of another origin does not answer this page.",
  flow_not_registered: "The flow is not among the `flows` of `createSessionsClient`.",
} as const;

export type FaultCode = keyof typeof faultCodes;

/**
 * A fault: a bug, a wrong configuration or an outage. It is thrown, or given to `onError`. An expected "no" is a refusal,
 * and is returned as data.
 *
 * `message` is the code and a sentence with ids, codes and counts. It never holds text that a person typed. `cause` is the
 * error behind the fault, if there is one. Its message may hold such text, so do not log it.
 *
 * @example
 * sessions.check().catch((error) => {
 *   if (error instanceof SessionsError && error.code === "database_not_migrated") return sessions.migrate();
 *   throw error;
 * });
 */
export class SessionsError extends Error {
  override readonly name = "SessionsError";
  /** One of {@link faultCodes}. docs/errors.md gives the causes of each, and what to do. */
  readonly code: FaultCode;

  constructor(code: FaultCode, detail: string, options?: { readonly cause?: unknown }) {
    super(`${code}: ${detail}`, options);
    this.code = code;
  }
}
