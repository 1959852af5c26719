/**
 * What a program complained about, for a message: its first line that says more than where, without control characters,
 * at most 200 characters.
 */
export function complaintOf(stderr: string): string {
  const line = stderr.split("\n").map((text) => text.trim()).find((text) =>
    text !== "" && !/^Command failed/.test(text)
  );
  // deno-lint-ignore no-control-regex
  return (line ?? "it said nothing").replace(/[\u0000-\u001f\u007f-\u009f]/g, " ").slice(0, 200);
}
