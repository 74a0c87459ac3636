import { randomBytes } from "node:crypto";
import { Client, Pool, type PoolConfig } from "pg";
import { afterAll, beforeAll } from "vitest";
import { TcpProxy } from "../connections/tcp-proxy.ts";

/**
 * The URL of a superuser on the coordinator of a Citus cluster that has workers: `CITUS_URL`. The machine of the coordinator
 * runs the tests too.
 */
export const citusUrl = process.env["CITUS_URL"];

interface Address {
  readonly host: string;
  readonly port: number;
}

/** A worker of a cluster, with a network before it that tests can break. */
export interface CitusWorker {
  readonly url: string;
  /** Its number in the cluster. */
  readonly group: number;
  readonly proxy: TcpProxy;
}

/** A database on each node of the cluster, for one test file. It is made before the tests, and dropped after them. */
export class CitusDatabase {
  readonly #name = `sessions_test_${randomBytes(8).toString("hex")}`;
  readonly #pools: Pool[] = [];
  readonly workers: CitusWorker[] = [];

  /** Call it at the top of a `describe` that is skipped without {@link citusUrl}. */
  constructor() {
    beforeAll(() => this.#create());
    afterAll(() => this.#drop());
  }

  /** Of the coordinator. */
  get url(): string {
    return urlOf(addressOf(citusUrl!), this.#name);
  }

  /** A pool over the coordinator. It ends after the file's tests. */
  connect(config: PoolConfig = {}): Pool {
    const pool = new Pool({ connectionString: this.url, ...config });
    pool.on("error", () => {});
    this.#pools.push(pool);
    return pool;
  }

  async #create(): Promise<void> {
    const coordinator = addressOf(citusUrl!);
    const workers = await listWorkers();
    for (const node of [coordinator, ...workers]) {
      await send(urlOf(node), `create database ${this.#name} template template0`);
      await send(urlOf(node, this.#name), "create extension citus");
    }
    await send(this.url, `alter database ${this.#name} set citus.shard_count = 8`);
    await send(this.url, `select citus_set_coordinator_host('${coordinator.host}', ${coordinator.port})`);
    for (const worker of workers) {
      const proxy = await TcpProxy.to(worker.host, worker.port);
      await send(this.url, `select citus_add_node('127.0.0.1', ${proxy.port})`);
      const [node] = await send<{ group: number }>(
        this.url,
        `select groupid as group from pg_dist_node where nodeport = ${proxy.port}`,
      );
      this.workers.push({ url: urlOf(worker, this.#name), group: node!.group, proxy });
    }
  }

  async #drop(): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.end()));
    for (const node of [addressOf(citusUrl!), ...(await listWorkers())]) {
      await send(urlOf(node), `drop database if exists ${this.#name} with (force)`);
    }
    await Promise.all(this.workers.map(({ proxy }) => proxy.close()));
  }
}

interface Address {
  readonly host: string;
  readonly port: number;
}

function addressOf(url: string): Address {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port || 5432) };
}

/** A database of a node: by default the one that {@link citusUrl} names. */
function urlOf({ host, port }: Address, database?: string): string {
  const url = new URL(citusUrl!);
  url.hostname = host;
  url.port = String(port);
  if (database !== undefined) url.pathname = `/${database}`;
  return url.href;
}

function listWorkers(): Promise<readonly Address[]> {
  return send<Address>(
    citusUrl!,
    "select nodename as host, nodeport as port from pg_dist_node where groupid > 0 and noderole = 'primary' order by 1, 2",
  );
}

async function send<Row extends object>(url: string, statement: string): Promise<readonly Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(statement)).rows;
  } finally {
    await client.end();
  }
}
