import { connection } from '../live.ts';
import { Chip } from './chip.tsx';

/** Whether what is shown is of now. */
export function ConnectionChip() {
  switch (connection.value) {
    case 'live':
      return <Chip tone="good">Live</Chip>;
    case 'connecting':
      return <Chip tone="busy">Connecting</Chip>;
    case 'lost':
      return <Chip tone="bad">Not connected</Chip>;
  }
}

/** Said once, on every page, while the server is away. */
export function ConnectionNote() {
  return (
    <div aria-live="polite">
      {connection.value === 'lost' && (
        <p class="banner">
          The server cannot be reached; what you see is from before. What is rented goes on, with its budget
          and its keep-alive. Connecting again…
        </p>
      )}
    </div>
  );
}
