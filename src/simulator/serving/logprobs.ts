import { seededRandom } from './invented-text.ts';

type Told = { readonly token: string; readonly logprob: number; readonly bytes: number[] };

/** What `/v1/chat/completions` tells of how likely each token was, with `top` others beside it. */
export function chatLogprobs(tokens: readonly string[], top: number): Record<string, unknown> {
  return {
    content: tokens.map((token) => ({
      ...likelihood(token, 0),
      top_logprobs: likeliest(token, top),
    })),
  };
}

/** The same of `/v1/completions`, in the older shape; `offset` is where in the text the tokens begin. */
export function completionLogprobs(
  tokens: readonly string[],
  { top, offset }: { top: number; offset: number },
): Record<string, unknown> {
  let at = offset;
  const offsets = tokens.map((token) => {
    at += token.length;
    return at - token.length;
  });
  return {
    text_offset: offsets,
    token_logprobs: tokens.map((token) => likelihood(token, 0).logprob),
    tokens,
    top_logprobs: tokens.map((token) =>
      Object.fromEntries(likeliest(token, top).map((one) => [one.token, one.logprob])),
    ),
  };
}

/** The token itself, and then ones that nobody wrote. */
function likeliest(token: string, top: number): Told[] {
  return Array.from({ length: top }, (_, rank) => likelihood(rank === 0 ? token : `${token}${rank}`, rank));
}

function likelihood(token: string, rank: number): Told {
  return { token, logprob: -rank - seededRandom(token)(), bytes: [...Buffer.from(token)] };
}
