import type { UnitName } from "./units.ts";
import type { World, WorldOptions } from "./world.ts";

/** One test of one compliance unit. */
export interface Case {
  readonly unit: UnitName;
  /** What the server does, as a sentence. */
  readonly title: string;
  readonly run: (world: World) => Promise<void>;
}

/** Registers a test of a unit. */
export type Conformance = (unit: UnitName, title: string, run: Case["run"]) => void;

/** Tests that share a server and a client process. */
export interface Suite {
  readonly name: string;
  readonly world: WorldOptions;
  readonly cases: readonly Case[];
  /** How many cases run side by side; more than one only where each minds its own connections. */
  readonly lanes: number;
}

/** Collects the tests that `register` names; they run on one server, one after the other unless there are more `lanes`. */
export function suite(
  name: string,
  world: WorldOptions,
  register: (conformance: Conformance) => void,
  lanes = 1,
): Suite {
  const cases: Case[] = [];
  register((unit, title, run) => cases.push({ unit, title, run }));
  return { name, world, cases, lanes };
}
