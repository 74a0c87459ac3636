import fc from "fast-check";
import { expect, test } from "vitest";
import { Committer, QueueFullError, type CommitterOptions } from "./committer.ts";

interface Numbered {
  readonly key: string;
  readonly value: number;
}

function committer(options: Partial<CommitterOptions<Numbered>>) {
  const batches: (readonly Numbered[])[] = [];
  const made = new Committer<Numbered>({
    isTransient: (error) => error === "transient",
    isFaultOfOneWrite: (error) => error !== "outage",
    batchSize: 100,
    queueSize: 1_000,
    ...options,
    commit: (batch) => {
      batches.push(batch);
      return options.commit?.(batch) ?? Promise.resolve(batch.map(() => true));
    },
  });
  return { made, batches };
}

const write = (key: string, value = 0): Numbered => ({ key, value });

test("writes of one moment share a batch, sorted by key; what comes meanwhile forms the next", async () => {
  const gate = Promise.withResolvers<void>();
  const { made, batches } = committer({ commit: (batch) => gate.promise.then(() => batch.map(() => true)) });
  const first = ["c", "a", "b"].map((key) => made.commit(write(key)));
  await Promise.resolve();
  await Promise.resolve();
  const second = ["e", "d"].map((key) => made.commit(write(key)));
  gate.resolve();
  await Promise.all([...first, ...second]);
  expect(batches.map((batch) => batch.map(({ key }) => key).join(""))).toEqual(["abc", "de"]);
});

test("a batch holds one write of a key; the others follow in their order", async () => {
  const { made, batches } = committer({});
  await Promise.all([write("a", 1), write("a", 2), write("b", 3), write("a", 4)].map((each) => made.commit(each)));
  expect(batches.map((batch) => batch.map(({ value }) => value))).toEqual([[1, 3], [2], [4]]);
});

test("a batch is full when its writes are large, and holds at least one", async () => {
  const { made, batches } = committer({ bytesOf: ({ value }) => value, batchBytes: 10 });
  const values = [4, 4, 4, 50, 1, 1];
  await Promise.all(values.map((value, index) => made.commit(write(`key ${index}`, value))));
  expect(batches.map((batch) => batch.map(({ value }) => value))).toEqual([[4, 4, 4], [50], [1, 1]]);
});

test("a second batch goes beside the first once it is large, without what is under way", async () => {
  const gates: PromiseWithResolvers<void>[] = [];
  const { made, batches } = committer({
    commit: async (batch) => {
      const gate = Promise.withResolvers<void>();
      gates.push(gate);
      await gate.promise;
      return batch.map(() => true);
    },
  });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const keys = Array.from({ length: 24 }, (_, index) => `key ${index + 10}`);
  const all = [made.commit(write("a"))];
  await turn();
  all.push(...[...keys.slice(1), "a"].map((key) => made.commit(write(key))));
  await turn();
  expect(batches.map((batch) => batch.length)).toEqual([1, 23]);
  all.push(...keys.map((key) => made.commit(write(key))));
  await turn();
  expect(batches).toHaveLength(2);
  gates[0]!.resolve();
  await turn();
  expect(batches[2]!.map(({ key }) => key)).toEqual(["a", keys[0]]);
  gates[1]!.resolve();
  gates[2]!.resolve();
  await turn();
  gates[3]!.resolve();
  expect(await Promise.all(all)).toEqual(all.map(() => true));
  expect(batches[3]).toHaveLength(23);
});

test("a transient failure is tried again, and nobody notices", async () => {
  let failures = 2;
  const { made } = committer({
    commit: (batch) => (failures-- > 0 ? Promise.reject("transient") : Promise.resolve(batch.map(() => true))),
  });
  expect(await Promise.all([made.commit(write("a")), made.commit(write("b"))])).toEqual([true, true]);
});

test("a failing batch settles every caller: the good writes are made one by one, the bad one is told", async () => {
  const { made } = committer({
    commit: (batch) => {
      if (batch.some(({ value }) => value === 13)) return Promise.reject(new Error("bad"));
      return Promise.resolve(batch.map(() => true));
    },
  });
  const results = await Promise.allSettled([write("a"), write("b", 13), write("c")].map((each) => made.commit(each)));
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
});

test("an outage is told to every caller of the batch at once", async () => {
  const { made, batches } = committer({ commit: () => Promise.reject("outage") });
  const results = await Promise.allSettled(["a", "b", "c"].map((key) => made.commit(write(key))));
  expect(results).toEqual(Array.from({ length: 3 }, () => ({ status: "rejected", reason: "outage" })));
  expect(batches).toHaveLength(1);
});

test("past its bound the queue turns writes away, and takes them again once it has drained", async () => {
  const gate = Promise.withResolvers<void>();
  const { made } = committer({ queueSize: 3, commit: (batch) => gate.promise.then(() => batch.map(() => true)) });
  const taken = ["a", "b", "c"].map((key) => made.commit(write(key)));
  await expect(made.commit(write("d"))).rejects.toBeInstanceOf(QueueFullError);
  gate.resolve();
  await Promise.all(taken);
  await made.drain();
  expect(made.depth).toBe(0);
  expect(await made.commit(write("d"))).toBe(true);
});

test("whatever comes and whatever fails, every caller is answered once, and no batch repeats a key", async () => {
  const arbitraryWrites = fc.array(fc.record({ key: fc.constantFrom("a", "b", "c", "d"), value: fc.nat(20) }), {
    maxLength: 40,
  });
  await fc.assert(
    fc.asyncProperty(
      arbitraryWrites,
      fc.infiniteStream(fc.constantFrom("ok", "transient", "broken")),
      async (writes, fates) => {
        const { made, batches } = committer({
          batchSize: 3,
          commit: (batch) => {
            const fate = fates.next().value as string;
            return fate === "ok" ? Promise.resolve(batch.map(({ value }) => value % 2 === 0)) : Promise.reject(fate);
          },
        });
        const results = await Promise.allSettled(writes.map((each) => made.commit(each)));
        await made.drain();
        for (const [index, result] of results.entries()) {
          if (result.status === "fulfilled") expect(result.value).toBe(writes[index]!.value % 2 === 0);
        }
        for (const batch of batches) {
          const keys = batch.map(({ key }) => key);
          expect(new Set(keys).size).toBe(keys.length);
          expect(keys).toEqual(keys.toSorted());
        }
      },
    ),
  );
});
