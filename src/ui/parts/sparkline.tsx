const WIDTH = 240;
const HEIGHT = 40;

/** A small line of the last readings, from zero up; it has no axes, the figure beside it says how much. */
export function Sparkline({ values, label }: { readonly values: readonly number[]; readonly label: string }) {
  const top = Math.max(1e-9, ...values);
  const step = WIDTH / Math.max(1, values.length - 1);
  const points = values.map((value, index) => {
    const y = HEIGHT - 1.5 - (value / top) * (HEIGHT - 4);
    return `${(index * step).toFixed(1)},${y.toFixed(1)}`;
  });
  return (
    <svg class="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <path class="sparkline-base" d={`M0 ${HEIGHT - 0.5}H${WIDTH}`} />
      {values.length > 1 && (
        <>
          <path class="sparkline-area" d={`M0,${HEIGHT} L${points.join(" L")} L${WIDTH},${HEIGHT}z`} />
          <polyline class="sparkline-line" points={points.join(" ")} />
        </>
      )}
    </svg>
  );
}
