import { computed, signal } from '@preact/signals';
import type { SessionsAnswer, StatusAnswer } from '../admin/answers.ts';
import { call } from './api.ts';

/** What the server tells as it happens: sessions as they are now, and alerts. */

export type Connection = 'connecting' | 'live' | 'lost';
export type Alert = {
  readonly id: string;
  readonly atMs: number;
  readonly session: string | null;
  readonly alert: string;
  readonly detail: string;
};

const ALERTS_KEPT = 50;
/** Of 200 sessions each. */
const OPEN_PAGES_MAX = 20;
const RECONNECT_MS_FIRST = 1_000;
const RECONNECT_MS_MAX = 15_000;
/** Nothing may happen for hours, and a dead connection may not know it: after so long without a word we ask. */
const SILENCE_MS = 20_000;

export const connection = signal<Connection>('connecting');
export const sessions = signal<ReadonlyMap<string, StatusAnswer>>(new Map());
export const alerts = signal<readonly Alert[]>([]);
/** How many were open when it was last asked; null: not known yet. */
const openKnown = signal<number | null>(null);
/** Whether what is there has been told, so that no session means that there is none. */
export const isCaughtUp = computed(
  () => openKnown.value !== null && (openKnown.value === 0 || sessions.value.size > 0),
);
export const openSessions = computed(() =>
  [...sessions.value.values()]
    .filter(({ state }) => state !== 'IDLE')
    .sort((one, other) => (other.started_at ?? '').localeCompare(one.started_at ?? '')),
);

let source: EventSource | null = null;
let retryMs = RECONNECT_MS_FIRST;
let retry: ReturnType<typeof setTimeout> | undefined;
let watchdog: ReturnType<typeof setTimeout> | undefined;

/** Listens until `stopListening`; comes back by itself, with growing pauses, whatever ends the connection. */
export function listen(): void {
  stopListening();
  connection.value = 'connecting';
  const opened = new EventSource('/api/admin/events?views=true');
  source = opened;
  opened.onopen = () => {
    retryMs = RECONNECT_MS_FIRST;
    connection.value = 'live';
    noteSign();
    void forgetGone();
  };
  opened.onerror = () => comeBack();
  on(opened, 'session', (view: StatusAnswer) => put(view));
  on(opened, 'alert', (told: Omit<Alert, 'id' | 'atMs'>, id) => noteAlert({ ...told, id, atMs: Date.now() }));
  for (const kind of ['state', 'cost', 'attempt']) opened.addEventListener(kind, noteSign);
}

export function stopListening(): void {
  clearTimeout(retry);
  clearTimeout(watchdog);
  source?.close();
  source = null;
}

const heard = new WeakMap<StatusAnswer, number>();
/** When this view of a session reached us: what it says of money is of that moment. */
export function heardAtMs(view: StatusAnswer): number {
  return heard.get(view) ?? Date.now();
}

/** Views that come together, as those of all sessions do at first, are shown together. */
const TOGETHER_MS = 40;
const arrived = new Map<string, StatusAnswer>();

/** What a page was just told by the API itself is not waited for. */
export function put(view: StatusAnswer): void {
  heard.set(view, Date.now());
  if (arrived.size === 0) setTimeout(showArrived, TOGETHER_MS);
  arrived.set(view.session, view);
}

function showArrived(): void {
  sessions.value = new Map([...sessions.value, ...arrived]);
  arrived.clear();
}

export function dismissAlert(id: string): void {
  alerts.value = alerts.value.filter((alert) => alert.id !== id);
}

function on<Told>(opened: EventSource, kind: string, take: (told: Told, id: string) => void): void {
  opened.addEventListener(kind, (event: MessageEvent<string>) => {
    noteSign();
    take(JSON.parse(event.data) as Told, event.lastEventId);
  });
}

function noteAlert(alert: Alert): void {
  if (alerts.value.some(({ id }) => id === alert.id)) return;
  alerts.value = [alert, ...alerts.value].slice(0, ALERTS_KEPT);
}

function noteSign(): void {
  clearTimeout(watchdog);
  watchdog = setTimeout(() => {
    call('/api/session', { deadlineMs: SILENCE_MS }).then(noteSign, comeBack);
  }, SILENCE_MS);
}

function comeBack(): void {
  stopListening();
  connection.value = 'lost';
  retry = setTimeout(listen, retryMs);
  retryMs = Math.min(RECONNECT_MS_MAX, retryMs * 2);
}

/** Sessions that ended while we were away are told of by nobody: whoever is not open any more is asked once. */
async function forgetGone(): Promise<void> {
  const open = await readOpen().catch(() => null);
  if (open === null) return;
  openKnown.value = open.size;
  const doubtful = openSessions.value.filter(({ session }) => !open.has(session));
  for (const { session } of doubtful) {
    const view = await call<StatusAnswer>(`/api/admin/vllm/status?session=${session}`).catch(() => null);
    if (view !== null) put(view);
  }
}

async function readOpen(): Promise<Set<string>> {
  const open = new Set<string>();
  let after = '';
  for (let page = 0; page < OPEN_PAGES_MAX; page += 1) {
    const answer = await call<SessionsAnswer>(`/api/admin/sessions?open=true&limit=200${after}`);
    for (const { session } of answer.items) open.add(session);
    if (answer.next === null) break;
    after = `&after=${encodeURIComponent(answer.next)}`;
  }
  return open;
}
