import { clock } from '../format.ts';
import { alerts, dismissAlert } from '../live.ts';
import { Icon } from './icon.tsx';

const SHOWN_MAX = 3;

/** The newest alerts, until each is dismissed. */
export function Alerts() {
  const shown = alerts.value.slice(0, SHOWN_MAX);
  return (
    <div class="alerts" aria-live="assertive">
      {shown.map(({ id, atMs, detail }) => (
        <div key={id} class="note note-warn">
          <Icon name="warning" />
          <p class="break">
            {detail} <span class="quiet small num">{clock(new Date(atMs).toISOString())}</span>
          </p>
          <button
            type="button"
            class="icon-button"
            aria-label={`Dismiss: ${detail}`}
            onClick={() => dismissAlert(id)}
          >
            <Icon name="cross" />
          </button>
        </div>
      ))}
      {alerts.value.length > SHOWN_MAX && (
        <p class="quiet small">{alerts.value.length - SHOWN_MAX} more alerts before these.</p>
      )}
    </div>
  );
}
