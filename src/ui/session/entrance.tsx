import type { ComponentChildren } from "preact";

/** The frame of what stands before the pages: log in, set up, pair. */
export function Entrance(
  { heading, under, children }: {
    readonly heading: string;
    readonly under?: string | undefined;
    readonly children: ComponentChildren;
  },
) {
  return (
    <main id="content" class="entrance" tabIndex={-1}>
      <div class="entrance-card">
        <h1>
          {heading}
          {under !== undefined && <span class="entrance-under">{under}</span>}
        </h1>
        {children}
      </div>
    </main>
  );
}
