import { type ContentFilter, FilterOperator, type StatusCode, StatusCodes } from "node-opcua";

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

/** Why a where clause cannot be served; `null`: it can. */
export function whereFault({ elements }: ContentFilter): StatusCode | null {
  const all = (elements ?? []).every((element) => supported.has(element.filterOperator));
  return all ? null : StatusCodes.BadMonitoredItemFilterUnsupported;
}
