export { auditBudget } from './audit-budget.ts';
export { budgetLedger } from './budget-ledger.ts';
export { deliverNotification } from './deliver-notification.ts';
export { gpuSession } from './gpu-session.ts';
export { launchOnSchedule } from './launch-on-schedule.ts';
export { marketLog } from './market-log.ts';
export { marketQuestion } from './market-question.ts';
export { reapOrphans } from './reap-orphans.ts';
