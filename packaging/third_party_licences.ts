import type { ShippedPackage } from "./packages.ts";

/** The licence and notice texts of every package, each under the names of the packages that carry it. */
export async function thirdPartyLicences(packages: readonly ShippedPackage[]): Promise<string> {
  const carriers = new Map<string, string[]>();
  for (const { name, version, folder, licence } of packages) {
    const text = await licenceText(folder) ?? `${licence ?? "No licence stated"} (the package carries no licence text)`;
    carriers.set(text, [...carriers.get(text) ?? [], `${name} ${version}`]);
  }
  const line = "-".repeat(80);
  return [...carriers].map(([text, names]) => `${line}\n${names.join("\n")}\n${line}\n\n${text}\n`).join("\n");
}

async function licenceText(folder: URL): Promise<string | null> {
  const names = [...Deno.readDirSync(folder)].filter(({ name, isFile }) =>
    isFile && /^(licen[cs]e|copying|notice)(\b|$)/i.test(name)
  ).map(({ name }) => name).sort();
  const texts = await Promise.all(names.map((name) => Deno.readTextFile(new URL(name, folder))));
  return texts.length === 0 ? null : texts.map((text) => text.trim()).join("\n\n");
}
