import { expect, test } from "vitest";
import { simulatedTime } from "../testing/simulated-time.ts";
import { createAttempts } from "./attempts.ts";
import { createConnection } from "./connection.ts";
import { AnswerError } from "./http/answer.ts";

const refusal = { cause: new AnswerError({ status: 403 }) };
const outage = { cause: new AnswerError({ status: 500 }) };

function attemptsHere() {
  const { environment } = simulatedTime();
  const connection = createConnection(environment, { read: () => 0, write: () => {} }, () => {});
  return { connection, attempts: createAttempts(connection, environment) };
}

test("three refusals in a row block a call, and a success ends that", () => {
  const { attempts } = attemptsHere();
  attempts.failed(refusal);
  attempts.failed(refusal);
  expect(attempts.areBlocked()).toBe(false);
  attempts.failed(refusal);
  expect(attempts.areBlocked()).toBe(true);
  attempts.succeeded();
  expect(attempts.areBlocked()).toBe(false);
});

test("a failure without an answer ends a row of refusals", () => {
  const { attempts } = attemptsHere();
  for (const error of [refusal, refusal, new TypeError("Failed to fetch"), refusal]) attempts.failed(error);
  expect(attempts.areBlocked()).toBe(false);
});

test("a server that fails blocks a call only if other calls get through", () => {
  const { attempts, connection } = attemptsHere();
  connection.failed();
  for (const error of [outage, outage, outage]) attempts.failed(error);
  expect(attempts.areBlocked()).toBe(false);
  connection.heard("2026-11-28T07:00:00Z");
  for (const error of [outage, outage, outage]) attempts.failed(error);
  expect(attempts.areBlocked()).toBe(true);
});

test("each failure in a row doubles the pause, and a success ends that", () => {
  const { attempts } = attemptsHere();
  expect([refusal, outage, refusal].map((error) => attempts.failed(error))).toEqual([500, 1_000, 2_000]);
  attempts.succeeded();
  expect(attempts.failed(refusal)).toBe(500);
});
