import { useEffect, useRef } from "preact/hooks";
import { messages } from "../messages/messages.ts";
import { Age } from "../parts/age.tsx";
import { CopyButton } from "../parts/copy_button.tsx";
import { Fact, Facts } from "../parts/facts.tsx";
import { CloseIcon } from "../parts/icons.tsx";
import { format } from "../parts/language.ts";
import { QualityShape, qualityWords } from "../parts/quality_mark.tsx";
import { standingOf, type TagCell } from "../tag_cells.ts";
import { Trend } from "./trend.tsx";

/** Everything about one tag: value, why its quality is what it is, its trend, how SCADA finds it. */
export function TagDetail({ cell, onClose }: { readonly cell: TagCell; readonly onClose: () => void }) {
  const { tag, sample } = cell;
  const { value, quality, sourceMs, serverMs } = sample.value;
  const words = messages.value.detail;
  const standing = standingOf(quality);
  const { short, cause } = qualityWords(quality);
  const heading = useRef<HTMLHeadingElement>(null);

  useEffect(() => {
    // on a narrow screen the details cover the list: the reader must be where they begin
    if (matchMedia("(max-width: 899px)").matches) heading.current?.focus();
  }, [tag.id]);
  useEffect(() => {
    const close = (event: KeyboardEvent) => {
      if (event.key === "Escape") onClose();
    };
    addEventListener("keydown", close);
    return () => removeEventListener("keydown", close);
  }, [onClose]);

  return (
    <aside class="detail" aria-label={words.label(tag.name)}>
      <header>
        <div>
          <h2 ref={heading} tabIndex={-1}>{tag.name}</h2>
          <p class="hint">{[tag.application, tag.device].filter((part) => part !== null).join(" › ")}</p>
        </div>
        <button type="button" class="icon-button" aria-label={words.close} title={words.close} onClick={onClose}>
          <CloseIcon />
        </button>
      </header>
      <p class={`detail-value standing-${standing}`}>
        <strong>{format.value.value(value)}</strong>
        {tag.unit !== "" && <span class="unit">{tag.unit}</span>}
      </p>
      <p class={`detail-quality quality-${standing}`}>
        <QualityShape standing={standing} />
        <span>
          <b>{short}.</b> {cause}
        </span>
      </p>
      <Trend key={tag.id} cell={cell} />
      <Facts>
        <Fact name={words.measured}>
          {sourceMs === null ? <Age timeMs={null} /> : (
            <>
              {format.value.dateTime(sourceMs)} (<Age timeMs={sourceMs} />)
            </>
          )}
        </Fact>
        {sourceMs !== null && <Fact name={words.received}>{format.value.dateTime(serverMs)}</Fact>}
        {tag.range !== null && (
          <Fact name={words.goodRange}>
            {format.value.value(tag.range.low)} … {format.value.value(tag.range.high)} {tag.unit}
          </Fact>
        )}
        <Fact name={words.staleAfter}>{format.value.span(tag.staleAfterMs)}</Fact>
        <Fact name={words.type}>{tag.type === tag.dataType ? tag.type : `${tag.type} (${tag.dataType})`}</Fact>
        <Fact name={words.nodeId}>
          <span class="copied">
            <span class="mono">{tag.nodeId}</span>
            <CopyButton text={tag.nodeId} what={words.nodeId} />
          </span>
        </Fact>
      </Facts>
    </aside>
  );
}
