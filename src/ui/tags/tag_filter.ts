import type { QualityFilter } from "../route.ts";
import { standingOf, type TagCell } from "../tag_cells.ts";

/** What the tags page shows. */
export interface TagFilter {
  readonly group: string | null;
  readonly show: QualityFilter;
  readonly search: string;
  readonly diagnostics: boolean;
}

/**
 * The cells that a filter lets through, in their order. Each word of the search must be found in name, device,
 * application, unit or id, whatever the case.
 */
export function filterCells(cells: Iterable<TagCell>, filter: TagFilter): TagCell[] {
  const words = filter.search.toLowerCase().split(/\s+/).filter((word) => word !== "");
  const found: TagCell[] = [];
  for (const cell of cells) {
    const { tag } = cell;
    if (filter.group !== null && tag.group !== filter.group) continue;
    if (tag.diagnostic && !filter.diagnostics) continue;
    if (filter.show !== "all") {
      const standing = standingOf(cell.sample.peek().quality);
      if (standing !== "bad" && (filter.show === "bad" || standing !== "uncertain")) continue;
    }
    if (words.length > 0) {
      const text = `${tag.name} ${tag.device ?? ""} ${tag.application ?? ""} ${tag.unit} ${tag.id}`.toLowerCase();
      if (!words.every((word) => text.includes(word))) continue;
    }
    found.push(cell);
  }
  return found;
}
