import { takeDataLock } from "../access/data_lock.ts";

/**
 * Makes the data folder this gateway's alone for as long as the result lives. Rejects with an error whose `code` is
 * `data_dir_in_use` (and `exitCode` 6) while another gateway has it: two would write over each other's history.
 */
export async function ownDataFolder(dataDir: string): Promise<Disposable> {
  const lock = await takeDataLock(dataDir);
  if (lock === null) {
    const message =
      `Cannot use [gateway].data_dir ${dataDir} as another Edgekeep runs with it: stop that one, or name ` +
      `another folder`;
    throw Object.assign(new Error(message), { code: "data_dir_in_use", exitCode: 6 });
  }
  return { [Symbol.dispose]: () => lock.release() };
}
