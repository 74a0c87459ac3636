import { timingSafeEqual } from "node:crypto";
import type { IncomingMessage, RequestListener } from "node:http";
import { createDashboard, type Dashboard } from "@sessions/server/dashboard";
import { TRPCError } from "@trpc/server";
import type { Kysely } from "kysely";
import { transfer } from "../flow.ts";
import { OPERATOR, OPERATOR_PASSWORD } from "../people.ts";
import type { Database } from "./database.ts";
import type { BankTables } from "./ledger.ts";
import { createAttempts } from "./sign-in/attempts.ts";

/** The path of the dashboard. */
export const OPERATORS_PATH = "/operators";

export interface Operators extends Pick<Dashboard, "migrate" | "close"> {
  readonly handle: RequestListener;
}

interface OperatorsOptions {
  readonly database: Database;
  readonly db: Kysely<BankTables>;
  readonly now: () => number;
}

/** The dashboard, for the operator of the demonstration. The browser asks for the name and the password. */
export function createOperators({ database, db, now }: OperatorsOptions): Operators {
  const attempts = createAttempts(db);
  const dashboard = createDashboard({
    database: database.source,
    ...(database.bus && { bus: database.bus }),
    flows: [transfer],
    now,
    authorize: (_request, incoming) =>
      isOperator(incoming) ? { name: OPERATOR, mayReadTyped: true, mayEndSignIns: true, mayDecideFaults: true } : null,
  });

  async function answer(...[req, res]: Parameters<RequestListener>): Promise<void> {
    const address = req.socket.remoteAddress ?? "";
    if (req.headers.authorization !== undefined) {
      await attempts.begin(OPERATOR, address);
      if (isOperator(req)) {
        await attempts.succeed(OPERATOR, address);
        return dashboard.node(req, res);
      }
    }
    res.writeHead(401, { "www-authenticate": 'Basic realm="Operators of the bank", charset="UTF-8"' });
    res.end("Sign in as an operator.\n");
  }

  return {
    migrate: dashboard.migrate,
    close: dashboard.close,
    handle: (req, res) =>
      void answer(req, res).catch((error: unknown) => {
        res.writeHead(error instanceof TRPCError ? 429 : 500).end();
      }),
  };
}

/** Whether a request has the name and the password of the operator. */
function isOperator(request: IncomingMessage | null): boolean {
  const given = Buffer.from(request?.headers.authorization ?? "");
  const right = Buffer.from(`Basic ${Buffer.from(`${OPERATOR}:${OPERATOR_PASSWORD}`).toString("base64")}`);
  return given.length === right.length && timingSafeEqual(given, right);
}
