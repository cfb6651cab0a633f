import type { InferenceBody } from './request-body.ts';
import type { Route } from './target.ts';

/** What a stream of vLLM's needs on its way to the caller. */
export type StreamEdits = {
  /** The caller did not ask for its usage; we did. */
  readonly isUsageOurs: boolean;
  /** With `tool_choice: "required"`, vLLM (0.16) sends `"name":null` in all parts of a call but its first. */
  readonly hasNullNames: boolean;
};

export const NO_EDITS: StreamEdits = { isUsageOurs: false, hasNullNames: false };

/**
 * Where nobody counts a stream, its tokens are guessed from bytes, and an image of a megabyte passes for 250,000 of
 * them: so vLLM is asked for its usage, unless the caller has said something of it.
 */
export function editsOf({ isStream, fields }: InferenceBody, route: Route): StreamEdits {
  if (!isStream || (route !== 'chat/completions' && route !== 'completions')) return NO_EDITS;
  return {
    isUsageOurs: fields.stream_options === undefined,
    hasNullNames: fields.tool_choice === 'required',
  };
}

const OPEN = 123;
const ASKED = Buffer.from('"stream_options":{"include_usage":true},');

/** The same request, which asks for its usage; every other byte stays as it came. `json` is an object with members. */
export function withUsageAsked(json: Buffer): Buffer {
  const inside = json.indexOf(OPEN) + 1;
  return Buffer.concat([json.subarray(0, inside), ASKED, json.subarray(inside)]);
}

/** Whole events without the one that tells the usage. */
export function withoutUsage(whole: Buffer): Buffer {
  const at = whole.lastIndexOf('"usage"');
  if (at === -1) return whole;
  const before = whole.lastIndexOf('\n\n', at);
  const from = before === -1 ? 0 : before + 2;
  const to = whole.indexOf('\n\n', at) + 2;
  if (!/"choices":\s*\[\s*\]/.test(whole.toString('latin1', from, to))) return whole;
  return Buffer.concat([whole.subarray(0, from), whole.subarray(to)]);
}

/**
 * Whole events in which no part of a call says that it has no name: OpenAI's package for JavaScript takes that for
 * another call than the one that has begun. Within a string of JSON the quotes would be escaped.
 */
export function withoutNullNames(whole: Buffer): Buffer {
  if (!whole.includes('"name":null')) return whole;
  return Buffer.from(whole.toString('utf8').replaceAll('"function":{"name":null,', '"function":{'));
}
