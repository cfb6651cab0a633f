import { DefaultFailureConverter } from '@temporalio/common';

/** Messages and stack traces of failures become payloads, which are encrypted; without it they stay readable. */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
