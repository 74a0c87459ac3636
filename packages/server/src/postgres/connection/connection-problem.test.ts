import { expect, test } from "vitest";
import { connectionProblem } from "./connection-problem.ts";

test.each([
  ["28000", 'no pg_hba.conf entry for host "10.0.0.1", user "ada", database "x", no encryption', "sslmode=require"],
  ["28000", 'no pg_hba.conf entry for host "10.0.0.1", user "ada", database "x", SSL encryption', "pg_hba.conf"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "self-signed certificate", "certificate is not trusted"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "self-signed certificate in certificate chain", "certificate is not trusted"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "unable to verify the first certificate", "certificate is not trusted"],
  ["CERT_HAS_EXPIRED", "certificate has expired", "certificate is not trusted"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "Hostname/IP does not match", "certificate is not trusted"],
  [undefined, "SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string", "refuses the user or the password"],
  ["53300", "sorry, too many clients already", "no connection left"],
  ["57P03", "the database system is starting up", "does not answer"],
  ["ECONNRESET", "read ECONNRESET", "does not answer"],
  [undefined, "timeout expired", "came about in time"],
  [undefined, "Connection terminated unexpectedly", "was lost"],
  [undefined, "Client has encountered a connection error and is not queryable", "was lost"],
  [undefined, "Client was closed and is not queryable", "was lost"],
  ["CONNECTION_CLOSED", "write CONNECTION_CLOSED 127.0.0.1:5432", "does not answer"],
  ["CONNECT_TIMEOUT", "write CONNECT_TIMEOUT 127.0.0.1:5432", "does not answer"],
])("%s: %s", (code, message, says) => {
  expect(connectionProblem(code, message)).toContain(says);
});

test("an error of a statement is no problem of the connection", () => {
  expect(connectionProblem("23505", "duplicate key value violates unique constraint")).toBeUndefined();
  expect(connectionProblem(undefined, "Cannot read properties of undefined")).toBeUndefined();
});
