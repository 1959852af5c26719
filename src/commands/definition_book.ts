import type { CommandDefinition } from "../config/command_definition.ts";

/** The commands that the configuration defines now. */
export class DefinitionBook {
  readonly #listeners = new Set<() => void>();
  #list: readonly CommandDefinition[];
  #byKey: ReadonlyMap<string, CommandDefinition>;

  constructor(definitions: readonly CommandDefinition[]) {
    this.#list = definitions;
    this.#byKey = index(definitions);
  }

  list(): readonly CommandDefinition[] {
    return this.#list;
  }

  /** By name, or by number as text; a name that is the number of another command comes first. */
  find(devEui: string, command: string): CommandDefinition | undefined {
    return this.#byKey.get(`${devEui}/n/${command}`) ?? this.#byKey.get(`${devEui}/i/${command}`);
  }

  /** Takes other definitions over, and tells the listeners. */
  define(definitions: readonly CommandDefinition[]): void {
    this.#list = definitions;
    this.#byKey = index(definitions);
    for (const listener of this.#listeners) listener();
  }

  /** Calls `listener` after every change until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

function index(definitions: readonly CommandDefinition[]): ReadonlyMap<string, CommandDefinition> {
  return new Map(definitions.flatMap((definition) => [
    [`${definition.devEui}/n/${definition.name}`, definition],
    [`${definition.devEui}/i/${definition.id}`, definition],
  ]));
}
