import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { standardUnits } from "node-opcua";
import { engineeringUnits } from "./engineering_units.ts";

Deno.test("a unit is found by UNECE code, symbol and common spelling", () => {
  for (const text of ["CEL", "°C", "degC"]) {
    const unit = engineeringUnits(text);
    deepStrictEqual([unit.unitId, unit.displayName.text], [standardUnits.degree_celsius.unitId, "°C"], text);
  }
  strictEqual(engineeringUnits("%RH").unitId, standardUnits.percent.unitId);
  strictEqual(engineeringUnits("kWh").displayName.text, "kW·h");
});

Deno.test("text that is no known unit is served as text, without a code", () => {
  const unit = engineeringUnits("widgets/h");
  deepStrictEqual([unit.unitId, unit.displayName.text], [-1, "widgets/h"]);
  deepStrictEqual([engineeringUnits("dBm").unitId, engineeringUnits("dBm").displayName.text], [-1, "dBm"]);
});

Deno.test("the table spells units as the library's own excerpt of the standard does", () => {
  for (const standard of Object.values(standardUnits)) {
    const symbol = standard.displayName.text ?? "";
    const ours = engineeringUnits(symbol);
    if (ours.unitId === -1) continue;
    deepStrictEqual([ours.unitId, ours.description.text], [standard.unitId, standard.description.text], symbol);
  }
});
