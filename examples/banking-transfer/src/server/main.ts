import { existsSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { fileURLToPath } from "node:url";
import { createApp, type App } from "./app.ts";
import { openDatabase, type Database } from "./database.ts";
import { finisher } from "./http/stop.ts";

const {
  PORT = "4000",
  HOST = "localhost",
  DATABASE_URL,
  DATA_DIRECTORY,
  PAGES_DIRECTORY,
  PLACE_HEADER,
  SESSIONS_MIGRATE,
} = process.env;
const data = DATA_DIRECTORY ?? fileURLToPath(new URL("../../.data", import.meta.url));
const pages = PAGES_DIRECTORY ?? fileURLToPath(new URL("../../dist/app", import.meta.url));

/** How long a request with its body may take to arrive, in milliseconds. */
const timeouts = { headersTimeout: 10_000, requestTimeout: 60_000 } as const;

/** How long a connection may be silent, in milliseconds. A stream has a heartbeat every 15 seconds. */
const SILENT_MS = 60_000;

try {
  await start();
} catch (error) {
  console.error(`Banking transfer cannot start: ${sentence(error)}`);
  process.exit(1);
}

async function start(): Promise<void> {
  if (!existsSync(pages)) throw new Error("The pages are not built: run `npx -y pnpm@12 build` first.");
  let handle: RequestListener = (_req, res) => res.writeHead(503, { "retry-after": "1" }).end();
  const server = createServer(timeouts, (req, res) => handle(req, res));
  server.setTimeout(SILENT_MS);
  const finish = finisher(server);
  // The port first, so that a second start of the example never opens the data of the first one.
  await listen(server);

  const database = await openDatabase(DATABASE_URL, data);
  const app = await openApp(database).catch(async (cause: unknown) => {
    await database.close();
    throw cause;
  });
  handle = app.handle;
  const stop = async () => {
    // Open pages ask again at once. They get a 503, on a connection that ends.
    handle = (_req, res) => res.writeHead(503, { "retry-after": "1", connection: "close" }).end();
    server.close();
    await app.close();
    await finish();
    await database.close();
  };
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void stop());

  const address = server.address();
  const port = typeof address === "object" && address ? address.port : PORT;
  console.log(`Banking transfer is ready: http://localhost:${port}  (Ctrl+C to stop)`);
}

async function openApp(database: Database): Promise<App> {
  const app = createApp({ database, pages, placeHeader: PLACE_HEADER });
  if (SESSIONS_MIGRATE !== "off") await app.migrate();
  await app.check();
  await app.start();
  return app;
}

function listen(server: Server): Promise<void> {
  const port = Number(PORT);
  if (!/^\d+$/.test(PORT) || port > 65_535) throw new Error("PORT must be a number from 0 to 65535.");
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, HOST, resolve);
  });
}

/** The cause of a failed start and its remedy, in one sentence. */
function sentence(error: unknown): string {
  if (!(error instanceof Error)) return "Something unknown went wrong.";
  const code = "code" in error ? error.code : undefined;
  switch (code) {
    case "EADDRINUSE":
      return `Port ${PORT} is in use: stop what listens there, or set PORT to another.`;
    case "database_unreachable":
      return error.message.replace("database_unreachable: The database", "The database at DATABASE_URL");
    case "database_not_migrated":
      return "The database lacks the tables of this version: start once without SESSIONS_MIGRATE=off.";
    case "database_newer":
      return "The database was migrated by a newer version: start that one, or name another database in DATABASE_URL.";
    default:
      return error.message.replaceAll(/\s+/g, " ");
  }
}
