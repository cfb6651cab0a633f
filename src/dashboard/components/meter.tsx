type MeterPart = {
  readonly name: string;
  readonly value: number;
  readonly tone: 'spent' | 'reserved' | 'over';
};

type MeterProps = {
  /** Of `max`, one after the other: spent, then reserved. */
  readonly parts: readonly MeterPart[];
  readonly max: number;
  /** The whole in words, for those who do not see the bar. */
  readonly says: string;
};

/** A bar of parts of a whole; what exceeds it is drawn full and said in words. */
export function MeterBar({ parts, max, says }: MeterProps) {
  let left = 100;
  return (
    <div class="meter">
      <span class="visually-hidden">{says}</span>
      {parts.map(({ name, value, tone }) => {
        const width = max > 0 ? Math.min(left, Math.max(0, (value / max) * 100)) : 0;
        left -= width;
        return (
          <span key={name} class={`meter-part meter-${tone}`} style={{ width: `${width}%` }} title={name} />
        );
      })}
    </div>
  );
}
