import assert from "node:assert/strict";
import { Quality } from "../../tags/quality.ts";
import { faultCatalogue } from "../../telemetry/fault_catalogue.ts";
import { deFaults } from "./de_faults.ts";
import { catalogues } from "./messages.ts";
import { meshCatalogues } from "./mesh_messages.ts";
import { operateCatalogues } from "./operate_messages.ts";
import { securityCatalogues } from "./security_messages.ts";

function leaves(value: unknown, path = ""): [path: string, leaf: unknown][] {
  if (typeof value !== "object" || value === null) return [[path, value]];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, `${path}.${key}`));
}

const all = { main: catalogues, mesh: meshCatalogues, operate: operateCatalogues, security: securityCatalogues };

for (const [name, { en, de }] of Object.entries(all)) {
  Deno.test(`both languages of the ${name} catalogue have the same texts, none of them empty`, () => {
    const [english, german] = [leaves(en), leaves(de)];
    const shape = (texts: [path: string, leaf: unknown][]) => texts.map(([path, leaf]) => [path, typeof leaf]);
    assert.deepEqual(shape(german), shape(english));
    for (const [path, leaf] of [...english, ...german]) assert(leaf !== "", path);
  });
}

Deno.test("every status code that a tag can carry has words in both languages", () => {
  for (const catalogue of Object.values(catalogues)) {
    assert.deepEqual(Object.keys(catalogue.qualities).sort(), Object.keys(Quality).sort());
  }
});

Deno.test("every known fault has German words", () => {
  for (const code of Object.keys(faultCatalogue)) {
    const words = deFaults[code];
    assert(words !== undefined, `'${code}' is missing in src/ui/messages/de_faults.ts`);
    assert(words.title !== "" && words.cause !== "" && words.remedy !== "", code);
  }
});
