/** A place in the configuration: keys as text, positions in lists of tables as numbers from 0. */
export type KeyPath = readonly (string | number)[];

/** The written form: `opcua.host_port`, `application[0].device[2].device_id`; unusual keys in quotes. */
export function formatKeyPath(path: KeyPath): string {
  let text = "";
  for (const segment of path) {
    if (typeof segment === "number") text += `[${segment}]`;
    else text += (text === "" ? "" : ".") + formatKey(segment);
  }
  return text;
}

/**
 * Reads the written form: `runtime.web.listen`, `application[0].device[2].device_name`, `a."odd key"`.
 *
 * @returns `null` for a text that is no key path
 */
export function parseKeyPath(text: string): KeyPath | null {
  const segment = /(?:^|(?!^)\.)([A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*")|\[(0|[1-9]\d{0,5})\]/y;
  const path: (string | number)[] = [];
  while (segment.lastIndex < text.length) {
    const found = segment.exec(text);
    if (found === null) return null;
    const [, key, position] = found;
    if (key === undefined) path.push(Number(position));
    else if (!key.startsWith('"')) path.push(key);
    else {
      try {
        path.push(String(JSON.parse(key)));
      } catch {
        return null;
      }
    }
  }
  return typeof path[0] === "string" ? path : null;
}

/** A key as TOML writes it: bare where that is possible (TOML 1.0 "Keys"), else as a basic string. */
export function formatKey(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key);
}

/** The environment variable that sets a key, or `null` for a key inside a list of tables. */
export function variableOf(path: KeyPath): string | null {
  if (path.length < 2 || path.some((segment) => typeof segment === "number")) return null;
  return `EDGEKEEP_${path.join("__").toUpperCase()}`;
}
