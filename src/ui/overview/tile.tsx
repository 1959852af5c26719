import type { ComponentChildren } from "preact";
import { ArrowIcon } from "../parts/icons.tsx";

/** A tile of the overview. With `href` its heading leads on. */
export function Tile(
  { id, heading, href, children }: {
    readonly id: string;
    readonly heading: string;
    readonly href?: string;
    readonly children: ComponentChildren;
  },
) {
  return (
    <section class={`tile tile-${id}`} aria-labelledby={`tile-${id}`}>
      <h2 id={`tile-${id}`}>
        {href === undefined ? heading : (
          <a href={href}>
            {heading}
            <ArrowIcon />
          </a>
        )}
      </h2>
      {children}
    </section>
  );
}

/** The figure that a tile is about, with what it counts. */
export function Figure({ value, children }: { readonly value: string; readonly children: ComponentChildren }) {
  return (
    <p class="figure">
      <strong>{value}</strong> <span>{children}</span>
    </p>
  );
}
