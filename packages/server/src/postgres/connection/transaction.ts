import type { DatabaseConnection, Driver } from "kysely";

/** What cannot be committed is rolled back: a driver may hold its database for a transaction until that has ended. */
export async function inTransaction<T>(
  driver: Driver,
  connection: DatabaseConnection,
  begin: () => Promise<void>,
  work: () => Promise<T>,
): Promise<T> {
  await begin();
  try {
    const result = await work();
    await driver.commitTransaction(connection);
    return result;
  } catch (error) {
    await driver.rollbackTransaction(connection).catch(() => {});
    throw error;
  }
}
