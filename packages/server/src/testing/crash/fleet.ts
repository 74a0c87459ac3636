import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Random } from "../random.ts";

/** Server processes over one database. A killed one is replaced at once by a process that was started before. */
export class Fleet {
  readonly #databaseUrl: string;
  readonly #program: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #serving = new Map<string, ChildProcess>();
  readonly #starting = new Set<Promise<void>>();

  /** `program` is a file of this folder. It sends its address when it serves. */
  constructor(databaseUrl: string, program = "server-process.ts", env: Readonly<Record<string, string>> = {}) {
    this.#databaseUrl = databaseUrl;
    this.#env = env;
    this.#program = program;
  }

  /** Starts this many more, and waits until they serve. */
  async start(count: number): Promise<void> {
    for (let index = 0; index < count; index += 1) this.#start();
    await Promise.all(this.#starting);
  }

  /** The addresses of the servers that have not been killed. */
  get urls(): readonly string[] {
    return [...this.#serving.keys()];
  }

  /** Kills a server in the middle of its work. */
  async killOne(random: Random): Promise<void> {
    while (this.#serving.size < 2) await Promise.race(this.#starting);
    const [url, child] = random.pick([...this.#serving]);
    this.#serving.delete(url);
    this.#start();
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  async close(): Promise<void> {
    await Promise.all(this.#starting);
    const fallen = [...this.#serving.values()].filter(({ exitCode, signalCode }) => (exitCode ?? signalCode) !== null);
    for (const child of this.#serving.values()) {
      if (fallen.includes(child)) continue;
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    this.#serving.clear();
    if (fallen.length > 0) throw new Error(`${fallen.length} servers ended by themselves.`);
  }

  #start(): void {
    const child = fork(join(import.meta.dirname, this.#program), {
      execArgv: ["--conditions=@sessions/source", "--no-warnings"],
      env: { ...process.env, DATABASE_URL: this.#databaseUrl, ...this.#env },
    });
    const serving = once(child, "message").then(([url]) => {
      this.#serving.set(String(url), child);
      this.#starting.delete(serving);
    });
    this.#starting.add(serving);
  }
}
