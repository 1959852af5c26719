import type { ComponentChildren } from "preact";

/** A column of a {@link ListTable}. */
export interface Column<T> {
  readonly key: string;
  readonly heading: string;
  readonly cell: (item: T) => ComponentChildren;
  /** What the row is called by: it heads the row, and the card that the row becomes on a phone. */
  readonly main?: boolean;
  /** The heading is for readers alone: the cells hold buttons. */
  readonly quiet?: boolean;
}

/**
 * A list as a table; on a phone each row is a card, each heading to the left of all that its cell holds. `more` is shown
 * below a row, over its width.
 */
export function ListTable<T>(
  { label, columns, items, keyOf, more }: {
    readonly label: string;
    readonly columns: readonly Column<T>[];
    readonly items: readonly T[];
    readonly keyOf: (item: T) => string;
    readonly more?: (item: T) => ComponentChildren | null;
  },
) {
  return (
    <div class="list-frame">
      <table class="list-table" aria-label={label}>
        <thead>
          <tr>
            {columns.map(({ key, heading, quiet }) => (
              <th key={key} scope="col">{quiet ? <span class="offscreen">{heading}</span> : heading}</th>
            ))}
          </tr>
        </thead>
        {items.map((item) => {
          const below = more?.(item) ?? null;
          return (
            <tbody key={keyOf(item)}>
              <tr class={below === null ? undefined : "row-open"}>
                {columns.map(({ key, heading, cell, main, quiet }) =>
                  main ? <th key={key} scope="row">{cell(item)}</th> : (
                    <td
                      key={key}
                      data-heading={quiet ? undefined : heading}
                      class={quiet ? "cell-actions" : undefined}
                    >
                      <div>{cell(item)}</div>
                    </td>
                  )
                )}
              </tr>
              {below !== null && (
                <tr class="row-more">
                  <td colSpan={columns.length}>{below}</td>
                </tr>
              )}
            </tbody>
          );
        })}
      </table>
    </div>
  );
}
