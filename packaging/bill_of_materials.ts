import type { ShippedPackage } from "./packages.ts";

/** What the bill is made for. */
export interface Product {
  readonly name: string;
  readonly version: string;
  /** SPDX identifier. */
  readonly licence: string;
  /** Version of the Deno runtime inside the executable. */
  readonly runtime: string;
  /** When it was built; ISO 8601. */
  readonly timestamp: string;
}

/**
 * The software bill of materials of the executable: CycloneDX 1.6, JSON. The same product, packages and time give the
 * same bill, its serial number included.
 *
 * @see https://cyclonedx.org/docs/1.6/json/
 */
export async function billOfMaterials(product: Product, packages: readonly ShippedPackage[]): Promise<string> {
  const self = `pkg:generic/${product.name}@${product.version}`;
  const runtime = `pkg:github/denoland/deno@v${product.runtime}`;
  const references = new Map(packages.map((entry) => [entry.key, entry.key]));
  const needed = new Set(packages.flatMap(({ dependencies }) => dependencies));
  const bill = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: "",
    version: 1,
    metadata: {
      timestamp: product.timestamp,
      component: {
        type: "application",
        "bom-ref": self,
        name: product.name,
        version: product.version,
        licenses: [{ license: { id: product.licence } }],
        purl: self,
      },
    },
    components: [
      {
        type: "platform",
        "bom-ref": runtime,
        name: "deno",
        version: product.runtime,
        licenses: [{ license: { id: "MIT" } }],
        purl: runtime,
      },
      ...packages.map(component),
    ],
    dependencies: [
      { ref: self, dependsOn: [runtime, ...packages.map(({ key }) => key).filter((key) => !needed.has(key))] },
      ...packages.map(({ key, dependencies }) => ({
        ref: key,
        dependsOn: dependencies.filter((dependency) => references.has(dependency)),
      })),
    ],
  };
  return JSON.stringify({ ...bill, serialNumber: await serialNumber(JSON.stringify(bill)) }, null, 2) + "\n";
}

function component({ key, name, version, integrity, licence }: ShippedPackage) {
  const slash = name.indexOf("/");
  const dash = integrity.indexOf("-");
  return {
    type: "library",
    "bom-ref": key,
    ...(slash > 0 ? { group: name.slice(0, slash) } : {}),
    name: name.slice(slash + 1),
    version,
    ...(licence === null ? {} : { licenses: [{ expression: licence }] }),
    // the scope's @ is percent-encoded (package-url specification, "npm")
    purl: `pkg:npm/${name.replace(/^@/, "%40")}@${version}`,
    hashes: [{ alg: "SHA-512", content: hex(Uint8Array.fromBase64(integrity.slice(dash + 1))) }],
  };
}

/** A UUID of version 8 (RFC 9562 §5.8) made of the bill's own hash. */
async function serialNumber(text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))).slice(0, 16);
  bytes.set([(bytes[6] ?? 0) & 0x0f | 0x80], 6);
  bytes.set([(bytes[8] ?? 0) & 0x3f | 0x80], 8);
  return `urn:uuid:${hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")}`;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
