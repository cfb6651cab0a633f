import { SpanKind } from '@opentelemetry/api';
import { type Sampler, SamplingDecision } from '@opentelemetry/sdk-trace-node';

/**
 * A trace begins with somebody's request, or in a workflow, which has a sampler of its own. What this process asks
 * Temporal or the market on its own account, each second, would be a trace each time.
 */
export const onlyWhatWasAskedFor: Sampler = {
  shouldSample: (_context, _traceId, _name, kind) => ({
    decision: kind === SpanKind.SERVER ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD,
  }),
  toString: () => 'OnlyWhatWasAskedFor',
};
