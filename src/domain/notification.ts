/** What people are told of when they are not looking, and where to. What each says is written in the files `notification-of-…`. */

export const NOTIFICATION_KINDS = [
  'ready',
  'destroyed',
  'launch-failed',
  'budget-50',
  'budget-80',
  'budget-100',
  'projected-breach',
  'breaker',
  'orphan-reaped',
  'teardown-unconfirmed',
  'test',
] as const;
export type NotificationKind = (typeof NOTIFICATION_KINDS)[number];

/** `critical`: it costs money, or will, until somebody acts. */
export type Severity = 'info' | 'warning' | 'critical';

/** One event, as plain JSON. It holds no secret: it is in workflow inputs. */
export type Notification = {
  /** The same for the same event, whoever tells of it and however often. */
  readonly id: string;
  readonly kind: NotificationKind;
  readonly atMs: number;
  /** Null for what concerns all sessions. */
  readonly session: string | null;
  readonly run: string | null;
  readonly title: string;
  /** What is so, what Leash does next, what people should do. */
  readonly text: string;
  readonly severity: Severity;
  /** Dollars, seconds, moments in ISO 8601. */
  readonly data: Readonly<Record<string, number | string | null>>;
};

export const NOTIFICATION_TARGETS = ['webhook', 'slack'] as const;
export type NotificationTarget = (typeof NOTIFICATION_TARGETS)[number];

/** How far one target's delivery has come. */
export type Delivery = {
  readonly target: NotificationTarget;
  readonly state: DeliveryState;
  /** For people; never more of an answer than one word. */
  readonly detail: string;
};
export type DeliveryState = 'pending' | 'delivered' | 'failed';

export type TargetSettings = {
  readonly LEASH_WEBHOOK_URL?: string | undefined;
  readonly LEASH_SLACK_WEBHOOK_URL?: string | undefined;
};

/** The setting that each target's address is given by. */
export const SETTING_OF_TARGET = {
  webhook: 'LEASH_WEBHOOK_URL',
  slack: 'LEASH_SLACK_WEBHOOK_URL',
} as const satisfies Record<NotificationTarget, keyof TargetSettings>;

/** Where notifications go by these settings: their names only, since their addresses are secrets. */
export function targetsOf(settings: TargetSettings): NotificationTarget[] {
  return NOTIFICATION_TARGETS.filter((target) => settings[SETTING_OF_TARGET[target]] !== undefined);
}

/** One state for all targets: it is delivered when every one of them has it. */
export function stateOf(deliveries: readonly Delivery[]): DeliveryState {
  const states = deliveries.map(({ state }) => state);
  if (states.includes('failed')) return 'failed';
  return states.includes('pending') ? 'pending' : 'delivered';
}
