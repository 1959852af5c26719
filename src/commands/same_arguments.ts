import type { ArgumentValue } from "./commands.ts";

type Arguments = Readonly<Record<string, ArgumentValue>>;

/** Whether two sets of arguments are the same, whatever their order. */
export function sameArguments(one: Arguments, other: Arguments): boolean {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && one[name] === other[name]);
}
