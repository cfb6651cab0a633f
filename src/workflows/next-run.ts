import { makeContinueAsNewFunc, type Workflow, workflowInfo } from '@temporalio/workflow';

/**
 * Goes on in a new run, which never returns here. Its memo is written anew: Temporal would carry it on as it is
 * stored, encrypted for ever with the key of the first run.
 */
export function continueInNextRun<Fn extends Workflow>(...args: Parameters<Fn>): Promise<never> {
  const { memo } = workflowInfo();
  return makeContinueAsNewFunc<Fn>(memo === undefined ? {} : { memo })(...args);
}
