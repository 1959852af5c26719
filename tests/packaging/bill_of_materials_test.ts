import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import manifest from "../../deno.json" with { type: "json" };
import { billOfMaterials, type Product } from "../../packaging/bill_of_materials.ts";
import { copiedPackages, entries, testPackages } from "../../packaging/entries.ts";
import { type ShippedPackage, shippedPackages } from "../../packaging/packages.ts";
import { thirdPartyLicences } from "../../packaging/third_party_licences.ts";
import { readModules } from "../architecture/module_graph.ts";

const root = new URL("../../", import.meta.url);
const product: Product = {
  name: "edgekeep",
  version: "1.2.3",
  licence: "Apache-2.0",
  runtime: "2.9.6",
  timestamp: "2026-01-02T03:04:05.000Z",
};

const leaf: ShippedPackage = {
  key: "leaf@1.0.0",
  name: "leaf",
  version: "1.0.0",
  dependencies: [],
  integrity: `sha512-${btoa("\x00\xff".repeat(32))}`,
  licence: "MIT",
  folder: new URL("file:///leaf/"),
};
const scoped: ShippedPackage = {
  ...leaf,
  key: "@scope/branch@2.0.0_leaf@1.0.0",
  name: "@scope/branch",
  version: "2.0.0",
  dependencies: ["leaf@1.0.0"],
  licence: null,
};

Deno.test("a component has name, version, package URL and the archive's hash", async () => {
  const bill = JSON.parse(await billOfMaterials(product, [scoped, leaf]));
  assert.equal(bill.components[0].purl, "pkg:github/denoland/deno@v2.9.6");
  assert.deepEqual(bill.components.slice(1), [
    {
      type: "library",
      "bom-ref": "@scope/branch@2.0.0_leaf@1.0.0",
      group: "@scope",
      name: "branch",
      version: "2.0.0",
      purl: "pkg:npm/%40scope/branch@2.0.0",
      hashes: [{ alg: "SHA-512", content: "00ff".repeat(32) }],
    },
    {
      type: "library",
      "bom-ref": "leaf@1.0.0",
      name: "leaf",
      version: "1.0.0",
      licenses: [{ expression: "MIT" }],
      purl: "pkg:npm/leaf@1.0.0",
      hashes: [{ alg: "SHA-512", content: "00ff".repeat(32) }],
    },
  ]);
  assert.deepEqual(bill.dependencies, [
    {
      ref: "pkg:generic/edgekeep@1.2.3",
      dependsOn: ["pkg:github/denoland/deno@v2.9.6", "@scope/branch@2.0.0_leaf@1.0.0"],
    },
    { ref: "@scope/branch@2.0.0_leaf@1.0.0", dependsOn: ["leaf@1.0.0"] },
    { ref: "leaf@1.0.0", dependsOn: [] },
  ]);
});

Deno.test("the same content gives the same bill, other content another serial number", async () => {
  const bill = await billOfMaterials(product, [leaf]);
  assert.equal(await billOfMaterials(product, [leaf]), bill);
  const other = JSON.parse(await billOfMaterials({ ...product, version: "1.2.4" }, [leaf]));
  assert.notEqual(other.serialNumber, JSON.parse(bill).serialNumber);
});

Deno.test("the executable's bill satisfies CycloneDX 1.6", async () => {
  const bill = JSON.parse(await billOfMaterials(product, await shippedPackages()));
  // required by bom-1.6.schema.json, or of a form that it prescribes
  assert.equal(bill.bomFormat, "CycloneDX");
  assert.equal(bill.specVersion, "1.6");
  assert.equal(bill.version, 1);
  assert.match(bill.serialNumber, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
  assert.equal(new Date(bill.metadata.timestamp).toISOString(), bill.metadata.timestamp);

  const references = [bill.metadata.component, ...bill.components].map((component) => component["bom-ref"]);
  assert.equal(new Set(references).size, references.length, "references are unique");
  for (const component of bill.components) {
    assert.ok(["platform", "library"].includes(component.type), component.name);
    assert.match(component.version, /^\d+\.\d+\.\d+/);
    assert.match(component.purl, /^pkg:(npm|github)\/[^@]+@v?\d/);
    if (component.type === "library") assert.match(component.hashes[0].content, /^[0-9a-f]{128}$/);
    for (const { license, expression } of component.licenses ?? []) assert.ok(license?.id ?? expression);
  }
  assert.deepEqual(
    bill.dependencies.map(({ ref }: { ref: string }) => ref).sort(),
    references.filter((reference) => reference !== "pkg:github/denoland/deno@v2.9.6").sort(),
  );
  for (const { dependsOn } of bill.dependencies) {
    for (const reference of dependsOn) assert.ok(references.includes(reference), reference);
  }
});

Deno.test("every package of deno.json ships or is named as one for tests", async () => {
  const shipped = (await shippedPackages()).map(({ name }) => name);
  const unexplained = Object.keys(manifest.imports).filter((name) =>
    !shipped.includes(name) && !testPackages.includes(name)
  );
  assert.deepEqual(unexplained, []);
  assert.deepEqual(testPackages.filter((name) => shipped.includes(name)), []);
  assert.deepEqual(copiedPackages.filter((name) => !shipped.includes(name)), []);
});

Deno.test("every worker's entry is bundled", async () => {
  const workers = (await readModules(new URL("src/", root))).flatMap(({ text }) =>
    [...text.matchAll(/workerUrl\([^"')]*["']\.\/([^"']+)["']/g)].map(([, entry]) => entry ?? "")
  );
  assert.ok(workers.length > 0);
  assert.deepEqual(workers.filter((entry) => !entries.includes(entry)), []);
  for (const entry of entries) assert.ok(readFileSync(new URL(`src/${entry}`, root)).length > 0);
});

Deno.test("every shipped package's licence text is carried along", async () => {
  const packages = await shippedPackages();
  const text = await thirdPartyLicences(packages);
  for (const { name, version } of packages) assert.ok(text.includes(`${name} ${version}\n`), name);
  assert.match(text, /Permission is hereby granted, free of charge/);
});
