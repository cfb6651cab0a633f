import type { InferenceBody } from './request-body.ts';
import type { Route } from './target.ts';

const OPEN = 123;
const ASKED = Buffer.from('"stream_options":{"include_usage":true},');

/**
 * Whether a stream is to be counted by who sends it, though its caller did not ask for that. Where nobody counts,
 * tokens are guessed from bytes, and an image of a megabyte passes for 250,000 of them.
 */
export function isUsageToBeAsked({ isStream, fields }: InferenceBody, route: Route): boolean {
  if (!isStream || fields.stream_options !== undefined) return false;
  return route === 'chat/completions' || route === 'completions';
}

/** The same request, which asks for its usage; every other byte stays as it came. `json` is an object with members. */
export function withUsageAsked(json: Buffer): Buffer {
  const inside = json.indexOf(OPEN) + 1;
  return Buffer.concat([json.subarray(0, inside), ASKED, json.subarray(inside)]);
}

/** Whole events without the one that answers to `withUsageAsked`: the caller did not ask for it. */
export function withoutAskedUsage(whole: Buffer): Buffer {
  const at = whole.lastIndexOf('"usage"');
  if (at === -1) return whole;
  const before = whole.lastIndexOf('\n\n', at);
  const from = before === -1 ? 0 : before + 2;
  const to = whole.indexOf('\n\n', at) + 2;
  if (!/"choices":\s*\[\s*\]/.test(whole.toString('latin1', from, to))) return whole;
  return Buffer.concat([whole.subarray(0, from), whole.subarray(to)]);
}
