import { noReadySession, type OpenAiError, type Outlook, routeNotServed, serverError } from './errors.ts';
import type { AttemptFailure } from './failure.ts';
import type { Target } from './target.ts';

/** What a caller is told when the last target that was left has failed too. */
export function errorOf(
  { target, failure }: { readonly target: Target; readonly failure: AttemptFailure },
  outlook: Outlook | null,
): OpenAiError {
  const who = nameOf(target);
  switch (failure.kind) {
    case 'unreachable':
      return target.session === null
        ? {
            ...serverError(502, 'upstream_unreachable', `${who} could not be reached.`),
            retryAfterSeconds: 5,
          }
        : noReadySession(outlook);
    case 'reset':
      return serverError(502, 'upstream_reset', `${who} broke off before it answered.`);
    case 'too-slow':
      return serverError(504, 'upstream_timeout', `${who} did not answer in time.`);
    case 'unauthorized':
      // The caller's key was right, or it would not have come so far.
      return serverError(502, 'upstream_unauthorized', `${who} refused our key.`);
    case 'too-many':
      return {
        ...serverError(429, 'rate_limit_exceeded', `${who} has too much to do. Ask again later.`),
        retryAfterSeconds: failure.retryAfterSeconds ?? 5,
      };
    case 'server-error':
      return serverError(502, 'upstream_error', `${who} failed: ${failure.message}.`);
    case 'garbage':
      return serverError(502, 'upstream_garbage', `${who} failed: ${failure.message}.`);
    case 'no-such-route':
      return routeNotServed(`${who} does not have this call for its model.`);
  }
}

export function nameOf({ provider, session }: Target): string {
  return session === null ? `The provider ${provider}` : `The instance of session ${session}`;
}
