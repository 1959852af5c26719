/**
 * Refuses paths that would mean something else in a unit file than what they say.
 *
 * @throws {RangeError} for blanks, quotes, `%` and relative paths
 */
export function checkUnitPaths(paths: Readonly<Record<string, string>>): void {
  for (const [name, path] of Object.entries(paths)) {
    if (!/^\/[\w.@+/-]*$/.test(path)) {
      throw new RangeError(
        `Cannot use '${path}' as ${name} of a unit: it must be an absolute path of letters, digits and . @ + / - _`,
      );
    }
  }
}
