import { type TagDefinition, tagId } from "../../src/tags/tag.ts";

/** A Float metric that is stored for a year, with what a test wants different; the id follows group and name. */
export function tagDefinition(differences: Partial<TagDefinition> = {}): TagDefinition {
  const { group = "0011223344556677", name = "temperature" } = differences;
  return {
    id: tagId(group, name),
    group,
    name,
    type: "Float",
    dataType: "Double",
    sourcePath: name,
    unit: "",
    range: null,
    staleAfterMs: null,
    minStaleAfterMs: 120_000,
    badAfterMs: 86_400_000,
    scale: 1,
    offset: 0,
    deadband: 0,
    changeOnly: false,
    maxIntervalMs: 900_000,
    retentionDays: 365,
    stampArrival: false,
    enabled: true,
    ...differences,
  };
}
