/** The codes of OpenSSL and Node for a certificate that is not trusted. */
const untrusted = /CERT|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|ERR_(TLS|SSL)|EPROTO/;

/**
 * Why there is no connection, and the remedy. It quotes neither the driver, whose message may hold what was typed,
 * nor the address, which may hold a password. Undefined for an error of another kind.
 */
export function connectionProblem(code: string | undefined, message: string): string | undefined {
  const because = code === undefined ? "" : ` (${code})`;
  if (code === "3D000") return `The database does not exist${because}: create it, or name another in its URL.`;
  if (code === "28P01" || /^SASL|password must be a string/.test(message)) {
    return `The database refuses the user or the password${because}: look at both in its URL.`;
  }
  if (code === "28000") {
    return /no encryption|SSL off/i.test(message)
      ? `The database takes no connection without TLS${because}: add sslmode=require to its URL.`
      : `The database does not let this user in from here${because}: look at the user in its URL, and at pg_hba.conf.`;
  }
  if (/does not support SSL/i.test(message)) {
    return "The database offers no TLS, and its URL asks for it: remove sslmode from the URL, or turn TLS on there.";
  }
  if (code !== undefined && untrusted.test(code)) {
    return `The database's TLS certificate is not trusted${because}: name its authority by sslrootcert in the URL.`;
  }
  if (code === "53300") return `The database has no connection left${because}: close some, or raise max_connections.`;
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return `The database's host name is not known${because}: look at the host in its URL.`;
  }
  if (code === "42501") return `The database does not allow that to this user${because}: grant it the right.`;
  if (code !== undefined && /^(E[A-Z]+|08...|28...|57P0.|CONNECT_TIMEOUT|CONNECTION_[A-Z]+)$/.test(code)) {
    return `The database does not answer${because}: look at its address, and whether it runs.`;
  }
  return code === undefined &&
    /connection terminated|not queryable|timeout (exceeded|expired)|PGlite (is clos|instance is already closed)/i.test(
      message,
    )
    ? "The connection to the database was lost, or none came about in time: look at its address, and whether it runs."
    : undefined;
}
