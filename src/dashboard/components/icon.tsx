/** Line drawings of 24 by 24; they say nothing by themselves and are hidden from screen readers. */
const PATHS = {
  overview: 'M4 4h7v7H4zM13 4h7v4h-7zM13 10h7v10h-7zM4 13h7v7H4z',
  launch: 'M12 3c4 2 5 6 5 10l-2 3H9l-2-3c0-4 1-8 5-10zM12 9v.01M9 19l3 2 3-2',
  market: 'M4 20V10M10 20V4M16 20v-8M21 20H3',
  costs: 'M12 3v18M16 7c-1-1.5-7-2-7 1.5S16 12 16 15.5s-7 3-8 1',
  guarantees: 'M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6zM9 12l2 2 4-4',
  playground: 'M4 5h16v11H9l-5 4z',
  keys: 'M15 4a5 5 0 1 1-4 8l-7 7v-3l1-1-1-1 5-5a5 5 0 0 1 6-5zM16 8v.01',
  settings: 'M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4',
  check: 'M5 12l5 5 9-10',
  cross: 'M6 6l12 12M18 6L6 18',
  warning: 'M12 4l9 16H3zM12 10v4M12 17v.01',
  info: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v6M12 7.5v.01',
  stop: 'M6 6h12v12H6z',
  clock: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3 3',
  outward: 'M8 6h10v10M18 6L7 17',
  more: 'M6 9l6 6 6-6',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg
      class="icon"
      viewBox="0 0 24 24"
      width="18"
      height="18"
      fill="none"
      stroke="currentColor"
      stroke-width="2"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
