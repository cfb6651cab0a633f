/** A share of 0 to 1 as a short bar, for tables; its figure stands beside it. */
export function Bar({ share }: { share: number }) {
  const width = Math.min(100, Math.max(0, share * 100));
  return (
    <span class="bar" aria-hidden="true">
      <span style={{ width: `${width}%` }} />
    </span>
  );
}
