/**
 * Installs Next.js and the packed packages into a temporary folder, with the files that docs/sign-ins/sign-in.md shows, and builds
 * the application. Browsers then sign in, are rotated and sign out in `next start`, on a real PostgreSQL. Build first.
 * It needs 500 MB of disk. Exits with 1 if something is not as the page says.
 */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import { freePort, startPostgres } from "../packages/server/src/testing/embedded/postgres-server.ts";
import { Browser } from "../packages/server/src/testing/visits/browser.ts";
import { root } from "./repository.ts";

const run = promisify(execFile);
const documented = join(root, "examples/guide/sign-in");
/** The newest releases of these majors. */
const fromNpm = ["next@16", "react@19", "react-dom@19", "typescript@5", "@types/node@24", "@types/react@19"];
const alsoFromNpm = ["@types/pg@8", "pg@8", "zod@4", "@trpc/server@11"];

/** `tsconfig.json` as `create-next-app` writes it, with the option that the page asks for. */
const typescript = {
  compilerOptions: {
    target: "ES2017",
    lib: ["dom", "dom.iterable", "esnext"],
    allowJs: true,
    skipLibCheck: true,
    strict: true,
    noEmit: true,
    esModuleInterop: true,
    module: "esnext",
    moduleResolution: "bundler",
    resolveJsonModule: true,
    isolatedModules: true,
    jsx: "react-jsx",
    incremental: true,
    plugins: [{ name: "next" }],
    allowImportingTsExtensions: true,
  },
  include: ["next-env.d.ts", "**/*.ts", "**/*.tsx", ".next/types/**/*.ts"],
  exclude: ["node_modules"],
};

/** A page that tries what a server component cannot do. The build fails if the types allow it. */
const refused = `
import { headers } from "next/headers";
import { connection } from "next/server";
import { Suspense } from "react";
import { signIns } from "../../lib/sign-ins.ts";

async function Refused() {
  await connection();
  const visit = await signIns.read(await headers());
  // @ts-expect-error It cannot set a cookie.
  const signInAs: unknown = visit.signInAs;
  // @ts-expect-error It cannot delete one.
  const signOut: unknown = visit.signOut;
  return <p>{[typeof signInAs, typeof signOut].join()}</p>;
}

export default function Page() {
  return <Suspense><Refused /></Suspense>;
}
`;

/** Sets the process's clock ahead by the milliseconds that a file has. */
const clock = (file: string) => `
import { readFileSync } from "node:fs";
const own = Date.now;
Date.now = () => own() + Number(readFileSync(${JSON.stringify(file)}, "utf8"));
`;

async function writeApplication(directory: string, ahead: string): Promise<void> {
  await cp(join(documented, "nextjs"), directory, { recursive: true });
  await cp(join(documented, "password.ts"), join(directory, "lib/password.ts"));
  const files: Record<string, string> = {
    "package.json": JSON.stringify({ name: "application", private: true, type: "module" }),
    "tsconfig.json": JSON.stringify(typescript),
    "next.config.ts": "export default { cacheComponents: true, partialPrefetching: true };",
    "app/layout.tsx": `export default function Layout({ children }: { children: React.ReactNode }) {
      return <html lang="en"><body>{children}</body></html>;
    }`,
    "app/page.tsx": await documentedPage(),
    "app/refused/page.tsx": refused,
    "clock.mjs": clock(ahead),
  };
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content);
  }
  await writeFile(ahead, "0");
}

/** The block of docs/sign-ins/sign-in.md that has no file. */
async function documentedPage(): Promise<string> {
  const page = await readFile(join(root, "docs/sign-ins/sign-in.md"), "utf8");
  const block = /```tsx\n(import \{ headers \} from "next\/headers";[^`]*)```/.exec(page);
  assert.ok(block, "docs/sign-ins/sign-in.md shows a page of Next.js.");
  return block[1]!;
}

async function install(directory: string): Promise<void> {
  const packed: string[] = [];
  for (const name of ["core", "server"]) {
    packed.push(join(directory, `${name}.tgz`));
    await run("npx", ["-y", "pnpm@12", "pack", "--out", packed.at(-1)!], { cwd: join(root, "packages", name) });
  }
  const flags = ["install", "--no-audit", "--no-fund", "--engine-strict=false"];
  await run("npm", [...flags, ...fromNpm, ...alsoFromNpm, ...packed], { cwd: directory, timeout: 300_000 });
}

const next = (command: string, ...given: readonly string[]) => ["node_modules/next/dist/bin/next", command, ...given];

async function drive(url: string, host: string, setAhead: (ms: number) => Promise<void>): Promise<void> {
  const [phone, laptop] = [new Browser(url, host), new Browser(url, host)];
  const right = { name: "ada", password: "analytical engine" };
  const wrong = await phone.post("/api/sign-in", { ...right, password: "difference engine" });
  assert.deepEqual([wrong.status, wrong.setCookies], [401, []]);
  assert.match((await phone.send("/")).body, /Sign in/);
  for (const device of [phone, laptop]) {
    const signedIn = await device.post("/api/sign-in", right);
    assert.deepEqual([signedIn.body, signedIn.signInCookies.length], ['{"ok":true}', 1]);
    assert.match(signedIn.signInCookies[0]!, host.startsWith("localhost") ? /^sign-in=/ : /^__Host-sign-in=.*; Secure/);
    assert.equal(signedIn.headers["cache-control"], "no-store");
    device.csrf = ((await device.call("current")).data as { csrf: string }).csrf;
  }
  const elsewhere = await phone.post("/api/sign-in", right, { "sec-fetch-site": "cross-site" });
  assert.deepEqual([elsewhere.status, elsewhere.setCookies], [403, []]);

  // A server component reads, also when a secret is due: it cannot set one. A route handler then does.
  const first = phone.token;
  await setAhead(25 * 3_600_000);
  for (let count = 0; count < 2; count += 1) {
    const page = await phone.send("/");
    assert.match(page.body, /ada, on /);
    assert.deepEqual(page.setCookies, []);
  }
  const offered = await phone.call("current");
  assert.equal(offered.signInCookies.length, 1);
  assert.notEqual(phone.token, first);
  assert.match((await phone.send("/")).body, /ada, on /);
  assert.deepEqual((await phone.call("current")).setCookies, []);

  assert.deepEqual((await phone.call("revokeOthers")).data, { ended: 1 });
  assert.match((await laptop.send("/")).body, /Sign in/);
  assert.deepEqual((await phone.call("signOut")).data, { ended: true });
  assert.equal(phone.token, undefined);
  assert.match((await phone.send("/")).body, /Sign in/);
  await setAhead(0);
}

/** A page that has a stream hears of an end elsewhere at once, and lets a node stop. */
async function stopWithStream(url: string, stop: () => Promise<void>): Promise<void> {
  const [phone, laptop] = [new Browser(url), new Browser(url)];
  for (const device of [phone, laptop]) {
    await device.post("/api/sign-in", { name: "ada", password: "analytical engine" });
    device.csrf = ((await device.call("current")).data as { csrf: string }).csrf;
  }
  const open = async ({ cookie }: Browser) => {
    const response = await fetch(`${url}/trpc/signIns.watch`, { headers: { cookie, accept: "text/event-stream" } });
    const parts = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes("data: {}\n\n")) text += (await parts.read()).value ?? assert.fail(`No stream: ${text}`);
    return async () => {
      for (let part = await parts.read(); !part.done; part = await parts.read()) text += part.value;
      return text;
    };
  };
  const [rest, restOfOther] = [await open(phone), await open(laptop)];
  await phone.call("revokeOthers");
  assert.match(await restOfOther(), /UNAUTHORIZED/);
  await Promise.all([stop(), rest()]);
}

const directory = await mkdtemp(join(tmpdir(), "sessions-next-"));
const postgres = await startPostgres();
try {
  const ahead = join(directory, "ahead");
  await writeApplication(directory, ahead);
  await install(directory);
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1", DATABASE_URL: postgres.url };
  await run(process.execPath, next("build"), { cwd: directory, env, timeout: 300_000 });
  const port = await freePort();
  const given = ["--import", join(directory, "clock.mjs"), ...next("start", "-p", `${port}`, "-H", "127.0.0.1")];
  const server = spawn(process.execPath, given, { cwd: directory, env, stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(server, "exit");
  try {
    for await (const text of server.stdout) if (String(text).includes("Ready")) break;
    for (const host of ["bank.example", `localhost:${port}`]) {
      await drive(`http://127.0.0.1:${port}`, host, (ms) => writeFile(ahead, String(ms)));
      console.log(`${host}: the files of docs/sign-ins/sign-in.md do in Next.js what the page says`);
    }
    await stopWithStream(`http://127.0.0.1:${port}`, async () => {
      server.kill();
      await Promise.race([ended, setTimeout(10_000).then(() => assert.fail("Next.js waits for the stream."))]);
    });
    console.log("SIGTERM: an open stream ends, and then the process");
  } finally {
    server.kill("SIGKILL");
    await ended;
  }
} catch (error) {
  const { stdout = "", stderr = "" } = error as { readonly stdout?: string; readonly stderr?: string };
  console.error(error, `${stdout}${stderr}`.slice(-4_000));
  process.exitCode = 1;
} finally {
  await postgres.stop();
  await rm(directory, { recursive: true, force: true });
}
