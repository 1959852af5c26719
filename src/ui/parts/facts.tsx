import type { ComponentChildren } from "preact";

/** A list of named facts. */
export function Facts({ children }: { readonly children: ComponentChildren }) {
  return <dl class="facts">{children}</dl>;
}

/** One named fact. `tone` marks what is not as it should be. */
export function Fact(
  { name, children, tone }: {
    readonly name: string;
    readonly children: ComponentChildren;
    readonly tone?: "warning" | "error" | undefined;
  },
) {
  return (
    <div class={tone === undefined ? "fact" : `fact fact-${tone}`}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
