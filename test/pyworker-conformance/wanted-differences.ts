import type { Difference } from './differences.ts';

/** A difference between the official worker and ours that we want. */
export type WantedDifference = {
  /** Path of what differs, in what `play` shows. */
  readonly at: RegExp;
  /** Of these cases, in each of which it must occur; `any` for what differs in most of them. */
  readonly cases: readonly string[] | 'any';
  /** Given where the two values are always the same; undefined stands for nothing there. */
  readonly values?: { readonly official: unknown; readonly ours: unknown };
  /** The official worker is not always of one mind: it may go unseen. */
  readonly isSometimes?: true;
  readonly why: string;
  /** Where pyworker-protocol tells of it. */
  readonly section: string;
};

/** All of them; whatever else differs fails a test, and so does a line here that has become untrue. */
export const WANTED_DIFFERENCES: readonly WantedDifference[] = [
  {
    at: /headers\.connection$/,
    cases: 'any',
    values: { official: 'close', ours: undefined },
    why: 'a caller keeps its connection: what the model says of its own is not passed on',
    section: '3.7',
  },
  {
    at: /^seen\.(status|body|headers\.content-type)$/,
    cases: [
      'a body that is a number',
      'a body that is null',
      'auth data that is null',
      'bytes that are not UTF-8',
      'a session made of nothing',
      'a session made without a payload',
    ],
    why: 'what is wrong with a body is told as 422: the official client asks again for ever when it reads 500',
    section: '5.6',
  },
  {
    at: /^(seen\.(status|body|headers\.content-type)|model\.0\..*|engine\.(newLoad|servedLoad|received|retired\.0\..*))$/,
    cases: ['NaN for a number'],
    why: 'NaN is not JSON, and no model could be sent it',
    section: '3.4',
  },
  {
    at: /^engine\.(rejectedLoad|received|retired\.\d\..*)$/,
    cases: [
      'a bad signature does not wait in the queue',
      'a signature of another text',
      'a changed address',
      'an address beyond ASCII',
      'an empty signature',
      'a signature that is not base64',
      'a signature that is too short',
      'a signature that is a number',
      'a signature that is null',
      'an address that is a number',
      'an address that is null',
      'a bad signature on a serial route',
    ],
    why: 'who is not let in is no rejected work, and retires no index of somebody else',
    section: '9',
  },
  {
    at: /^engine\.rejectedLoad$/,
    cases: ['a request in a session with a bad signature'],
    why: 'who is not let in is no rejected work',
    section: '9',
  },
  {
    at: /^engine\.received$/,
    cases: [
      'two requests at once with one request number',
      'a hundred and twenty at once all get their answer',
      'the same auth data twice',
    ],
    why: 'requests with one number are still so many',
    section: '9',
  },
  {
    at: /^seen\.headers\.content-type$/,
    cases: ['a body with the charset in its content type', 'server-sent events with their charset'],
    why: 'the charset is passed on',
    section: '3.7',
  },
  {
    at: /^seen\.headers\.content-type$/,
    cases: ['a 204 without a body'],
    why: 'what has no body has no type',
    section: '3.7',
  },
  {
    at: /^seen\.headers\.(connection|x-hop|proxy-authenticate)$/,
    cases: ['headers that are for one hop only'],
    why: 'headers of one hop end there',
    section: '3.7',
  },
  {
    at: /^seen\.(body|isWhole)$/,
    cases: ['a body in gzip', 'a body in deflate'],
    why: 'a compressed body is passed on as it is, with the length that it has',
    section: '3.7',
  },
  {
    at: /^(seen\.(status|body|headers\.content-type|headers\.content-encoding)|engine\.servedLoad|engine\.retired\.0\..*)$/,
    cases: ['a body in br'],
    why: 'a compressed body is passed on as it is',
    section: '3.7',
  },
  {
    at: /^seen\.(status|framing|headers\.(content-type|location))$/,
    cases: ['a redirect'],
    why: 'a redirect is the caller’s to follow: as GET it would ask the model for something else',
    section: '3.7',
  },
  {
    at: /^(seen\.(status|headers\.location)|model\.[1-9]\..*|engine\.(servedLoad|retired\.0\..*))$/,
    cases: ['a redirect that keeps the method'],
    why: 'a redirect is the caller’s to follow: the official worker sends the request ten times',
    section: '3.7',
  },
  {
    at: /^seen\.(status|body|isWhole|headers\.content-type)$/,
    cases: ['a model that hangs up within its answer'],
    why: 'answers are not held back until they are whole; one that breaks off breaks off for the caller',
    section: '3.7',
  },
  {
    at: /^seen\.body$/,
    cases: ['a stream that the model breaks off', 'a chunked answer that the model breaks off'],
    why: 'the official worker writes a second head into the stream',
    section: '3.7',
  },
  {
    at: /^seen\.framing$/,
    cases: ['a model that speaks HTTP/1.0', 'server-sent events that know their length', 'bytes of any kind'],
    why: 'a length that is known is passed on, and one that is not is not made up',
    section: '3.7',
  },
  {
    at: /^seen\.headers\.(cache-control|x-request-id)$/,
    cases: ['a stream with headers of its own'],
    why: 'headers of streams are passed on too',
    section: '3.7',
  },
  {
    at: /^model\.0\.isCancelled$/,
    cases: ['a caller that leaves in the middle of a stream'],
    isSometimes: true,
    why: 'the model is told at once that nobody reads any more',
    section: '9',
  },
  {
    at: /^(seen\.0\..*|model\.1\..*|engine\.(rejectedLoad|servedLoad|retired\.1\..*))$/,
    cases: ['who waits longer than the route allows'],
    why: 'maxQueueTime is a timer beside the estimate',
    section: '3.5',
  },
  {
    at: /^(seen|engine\.(newLoad|servedLoad|received|retired\.0\..*))$/,
    cases: ['a session made with a bad signature'],
    why: 'a session is not made for whom the engine did not send',
    section: '3.8',
  },
  {
    at: /^seen\.body$/,
    cases: ['a request parser that refuses, and auth data that lacks a field'],
    why: 'a request parser is not run for whom the engine did not send',
    section: '9',
  },
  {
    at: /^model\.0\.body$/,
    cases: ['a form is sent to the model'],
    why: 'the members of a form in the order of RFC 7578, texts without a type of their own',
    section: '3.7',
  },
  {
    at: /^seen\.framing$/,
    cases: ['an empty 200 without a content type', 'a body without a content type'],
    values: { official: 'chunked', ours: 'length' },
    why: 'the length that the model told is passed on',
    section: '3.7',
  },
  {
    at: /^seen\.headers\.content-type$/,
    cases: ['a redirect that keeps the method'],
    why: 'an answer that may have a body has a type: the official client takes one without for a failure',
    section: '5.6',
  },
  {
    at: /^engine\.retired\.\d\.started$/,
    cases: ['the third session of two'],
    why: 'what was refused was never begun, as with every other request',
    section: '2.2',
  },
  {
    at: /^(seen\.(status|headers\.content-type|body)|engine\.(newLoad|servedLoad|received|retired.*)|model.*)$/,
    cases: ['a request number that is text', 'a request number that is null'],
    why: 'nothing here goes by the request number: whoever is signed is served',
    section: '3.3',
  },
  {
    at: /^(seen\.(status|headers.*|body)|engine\..*)$/,
    cases: [
      'a bad signature and a request parser that refuses',
      'a bad signature and a request parser that raises',
    ],
    why: 'nobody’s code is run on what the engine has not signed',
    section: '9',
  },
  {
    at: /^seen\.(status|headers\.content-type|body|framing)$/,
    cases: ['GET /health', 'GET /metrics'],
    why: 'a worker tells how it is to whoever asks',
    section: '3.8',
  },
  {
    at: /^seen\.(status|body)$/,
    cases: ['an update with the bare token', 'an update of a worker that has no token'],
    why: 'an update is for whoever has the token, and for nobody where there is none',
    section: '9',
  },
];

/** What of the differences seen in a case is not listed, and what is listed of this case and was not seen. */
export function judge(name: string, differences: readonly Difference[]) {
  const listed = WANTED_DIFFERENCES.filter(({ cases }) => cases === 'any' || cases.includes(name));
  return {
    unlisted: differences.filter((each) => !listed.some((wanted) => covers(wanted, each))),
    untrue: listed
      .filter(
        (wanted) =>
          wanted.cases !== 'any' &&
          wanted.isSometimes !== true &&
          !differences.some((each) => covers(wanted, each)),
      )
      .map(({ why }) => why),
  };
}

/** Of what may differ in any case, what has in none. */
export function neverSeen(differences: readonly Difference[]): string[] {
  return WANTED_DIFFERENCES.filter(({ cases }) => cases === 'any')
    .filter((wanted) => !differences.some((each) => covers(wanted, each)))
    .map(({ why }) => why);
}

function covers({ at, values }: WantedDifference, difference: Difference): boolean {
  if (!at.test(difference.at)) return false;
  if (values === undefined) return true;
  return Object.is(values.official, difference.official) && Object.is(values.ours, difference.ours);
}
