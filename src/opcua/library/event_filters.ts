import {
  type ContentFilter,
  type ContentFilterElement,
  ElementOperand,
  type EventFilter,
  FilterOperator,
  type StatusCode,
  StatusCodes,
} from "node-opcua";

/** What the library can judge an event by; with any other operator it would drop every event in silence. */
const supported: ReadonlySet<FilterOperator> = new Set([
  FilterOperator.Equals,
  FilterOperator.GreaterThan,
  FilterOperator.LessThan,
  FilterOperator.GreaterThanOrEqual,
  FilterOperator.LessThanOrEqual,
  FilterOperator.Between,
  FilterOperator.InList,
  FilterOperator.And,
  FilterOperator.Or,
  FilterOperator.Not,
  FilterOperator.OfType,
]);

/** Elements of a where clause that one event may cost; the library looks at an element each time it is referred to. */
const MOST_STEPS = 1000;
/** Names in the path of a select clause. The longest of ours has three; the library's search grows with the square. */
const LONGEST_PATH = 32;

/** Why the filter of an event item cannot be served; `null`: it can. */
export function eventFilterFault({ selectClauses, whereClause }: EventFilter): StatusCode | null {
  const isTooLong = (selectClauses ?? []).some(({ browsePath }) => (browsePath?.length ?? 0) > LONGEST_PATH);
  return isTooLong ? StatusCodes.BadEventFilterInvalid : whereFault(whereClause);
}

/** Why a where clause cannot be served; `null`: it can. */
function whereFault({ elements }: ContentFilter): StatusCode | null {
  const all = elements ?? [];
  if (!all.every((element) => supported.has(element.filterOperator))) {
    return StatusCodes.BadMonitoredItemFilterUnsupported;
  }
  return stepsOf(all) > MOST_STEPS ? StatusCodes.BadEventFilterInvalid : null;
}

/**
 * How many elements are looked at for one event. An element that two others refer to counts twice, with everything below
 * it: forty elements that each name the next one twice are 2^40 steps. References back are refused by the library.
 */
function stepsOf(elements: readonly ContentFilterElement[]): number {
  if (elements.length > MOST_STEPS) return Infinity;
  const steps: number[] = new Array(elements.length).fill(0);
  for (const [i, { filterOperands }] of [...elements.entries()].reverse()) {
    let sum = 1;
    for (const operand of filterOperands ?? []) {
      // an unknown kind of operand comes from the wire as null
      if (operand instanceof ElementOperand) sum += steps[operand.index] ?? 0;
    }
    steps[i] = sum;
  }
  return steps[0] ?? 0;
}
