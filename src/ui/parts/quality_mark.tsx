import { tagCells } from "../gateway_state.ts";
import { messages } from "../messages/messages.ts";
import { standingOf } from "../tag_cells.ts";

/** The name and cause of a status code in words of the chosen language. */
export function qualityWords(code: number): { readonly short: string; readonly cause: string } {
  const { qualities, unknownQuality } = messages.value;
  const name = tagCells.qualityName(code);
  return Object.hasOwn(qualities, name) ? qualities[name as keyof typeof qualities] : unknownQuality;
}

/** A quality as shape, colour, word and, where there is room, its cause: colour only where something is not right. */
export function QualityMark({ code }: { readonly code: number }) {
  const standing = standingOf(code);
  const { short, cause } = qualityWords(code);
  return (
    <span class={`quality quality-${standing}`} title={cause}>
      <QualityShape standing={standing} />
      <span class="quality-word">{short}</span>
      <span class="quality-cause">{cause}</span>
    </span>
  );
}

/** The shape alone: a dot, a triangle, a square, a ring. */
export function QualityShape({ standing }: { readonly standing: ReturnType<typeof standingOf> }) {
  return (
    <svg class={`shape shape-${standing}`} viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
      {standing === "good" && <circle cx="6" cy="6" r="3" />}
      {standing === "uncertain" && <path d="M6 1l5.4 10H.6z" />}
      {standing === "bad" && <rect x="1" y="1" width="10" height="10" rx="1" />}
      {standing === "waiting" && <circle cx="6" cy="6" r="3.6" />}
    </svg>
  );
}
