/** Ids of workflows and names of task queues. They are data on disk: a change needs both names for a while. */

export const sessionWorkflowId = (session: string): string => `session/${session}`;

/** Null for a workflow id that is not a session's. */
export const sessionOfWorkflowId = (workflowId: string): string | null =>
  workflowId.startsWith('session/') ? workflowId.slice('session/'.length) : null;

export const ledgerWorkflowId = (owner: string): string => `ledger/${owner}`;

/** One short workflow per question; `unique` keeps two apart. */
export const marketWorkflowId = (call: string, unique: string): string => `market/${call}-${unique}`;

/** One workflow for each event that people are told of, by the event's id. */
export const notificationWorkflowId = (id: string): string => `notification/${id}`;

export const REAP_SCHEDULE_ID = 'reap-orphans';
export const AUDIT_SCHEDULE_ID = 'audit-budget';
/** The same workflows, at the hours at which people are told of everything they found. */
export const REAP_REPORT_SCHEDULE_ID = 'reap-orphans-report';
export const AUDIT_REPORT_SCHEDULE_ID = 'audit-budget-report';

/** Business hours have a schedule for each end of them. */
export const hoursScheduleId = (id: string, edge: 'open' | 'close'): string => `hours/${id}/${edge}`;

/** Null for a schedule that does not open business hours. */
export const hoursOfScheduleId = (scheduleId: string): string | null =>
  /^hours\/(.+)\/open$/.exec(scheduleId)?.[1] ?? null;

export const TASK_QUEUES = {
  /** Workflows and short, unpaced calls. */
  sessions: 'leash-sessions',
  /** Long activities that watch: boot, model, serving. Teardown must never wait behind them. */
  supervise: 'leash-supervise',
  /** Calls whose rate the market limits per account; each queue is dispatched at that rate. */
  create: 'leash-create',
  destroy: 'leash-destroy',
  show: 'leash-show',
  /** Posts to people's webhooks, which may hang: nothing of ours waits behind them. Polled where one is configured. */
  notify: 'leash-notify',
} as const;
