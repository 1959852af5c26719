/**
 * Waits until `condition` gives something other than `false`, `null` or `undefined`, and returns it. Errors of the
 * condition count as "not yet"; the last one is named when the deadline passes.
 *
 * @param what what is waited for, in words, for the message
 */
export async function waitFor<T>(
  what: string,
  condition: () => T | Promise<T>,
  { deadlineMs = 30_000, everyMs = 20 } = {},
): Promise<Exclude<T, false | null | undefined>> {
  const end = Date.now() + deadlineMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value !== false && value !== null && value !== undefined) {
        return value as Exclude<T, false | null | undefined>;
      }
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) {
      throw new Error(`Waited ${deadlineMs} ms in vain for ${what}`, last === undefined ? undefined : { cause: last });
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
