import { STATUS_CODES } from 'node:http';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { Problem, type ProblemKind } from '../domain/problem.ts';
import type { ProblemAnswer } from './answers.ts';

/** What each kind of refusal is over HTTP. A kind without its line here does not compile. */
const PROBLEMS = {
  invalid: { status: 400, title: 'The request is wrong' },
  unauthorized: { status: 401, title: 'Not authorized' },
  'over-budget': { status: 402, title: 'Over budget' },
  'no-credit': { status: 402, title: 'The account has no credit' },
  forbidden: { status: 403, title: 'Not allowed' },
  'not-found': { status: 404, title: 'Not found' },
  conflict: { status: 409, title: 'In conflict with what is so' },
  destroying: { status: 409, title: 'The session is being destroyed' },
  'nothing-to-extend': { status: 409, title: 'Nothing to extend' },
  'too-many': { status: 429, title: 'Too many requests' },
  'market-unreachable': { status: 502, title: 'The market cannot be reached' },
  'market-refused': { status: 502, title: 'The market refused' },
  'temporal-unreachable': { status: 503, title: 'Temporal cannot be reached' },
  'no-worker': { status: 503, title: 'No worker answers' },
} satisfies Record<ProblemKind, { status: number; title: string }>;

/** Kinds that pass by themselves: the caller is told when to ask again even where nobody knows better. */
const RETRY_AFTER_SECONDS: Partial<Record<ProblemKind, number>> = {
  'temporal-unreachable': 5,
  'no-worker': 5,
};

/** Answers any error: an expected one as it is, any other as a 500 that tells nothing of our insides. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { answer, retryAfterSeconds } = toProblemAnswer(error);
  if (answer.kind === 'internal') {
    request.log.error(
      { err: error, method: request.method, route: request.routeOptions.url },
      'request failed',
    );
  }
  if (retryAfterSeconds !== undefined) reply.header('retry-after', String(Math.ceil(retryAfterSeconds)));
  if (answer.status === 401) reply.header('www-authenticate', 'Bearer realm="leash"');
  return sendProblem(reply, answer);
}

export function answerNotFound(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const path = request.url.split('?')[0];
  const problem = new Problem('not-found', `There is no ${request.method} ${path}; see /api/openapi.json`);
  return answerError(problem, request, reply);
}

export function toProblemAnswer(error: unknown): { answer: ProblemAnswer; retryAfterSeconds?: number } {
  if (error instanceof Problem) return fromProblem(error);
  const refusal = refusalOfTransport(error);
  if (refusal !== null) return { answer: { type: typeOf('invalid'), ...refusal } };
  return {
    answer: {
      type: 'about:blank',
      title: 'Internal error',
      status: 500,
      kind: 'internal',
      detail: 'Something went wrong inside Leash. Its log says what.',
    },
  };
}

function fromProblem(problem: Problem): { answer: ProblemAnswer; retryAfterSeconds?: number } {
  const retryAfterSeconds = problem.retryAfterSeconds ?? RETRY_AFTER_SECONDS[problem.kind];
  const { title, status } = PROBLEMS[problem.kind];
  const answer: ProblemAnswer = {
    type: typeOf(problem.kind),
    title,
    status,
    kind: problem.kind,
    detail: problem.message,
    ...(problem.problems.length > 0 && { problems: problem.problems.map((one) => ({ ...one })) }),
  };
  return { answer, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) };
}

/** What the HTTP server itself refuses before a handler sees it. */
function refusalOfTransport(error: unknown): Omit<ProblemAnswer, 'type'> | null {
  if (!(error instanceof Error)) return null;
  const { code, statusCode } = error as Partial<FastifyError>;
  switch (code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return refusal(415, 'The body must be JSON; send it with content-type: application/json.');
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return refusal(413, 'The body is larger than this call takes.');
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return refusal(400, 'The body is not JSON.');
    default:
  }
  if (error instanceof SyntaxError && statusCode === 400) {
    return refusal(400, `The body is not JSON: ${error.message}`);
  }
  return statusCode !== undefined && statusCode >= 400 && statusCode < 500
    ? refusal(statusCode, error.message)
    : null;
}

function refusal(status: number, detail: string): Omit<ProblemAnswer, 'type'> {
  const title = status === 400 ? PROBLEMS.invalid.title : (STATUS_CODES[status] ?? 'Refused');
  return { title, status, kind: 'invalid', detail };
}

function typeOf(kind: ProblemKind): string {
  return `urn:leash:problem:${kind}`;
}

function sendProblem(reply: FastifyReply, answer: ProblemAnswer): FastifyReply {
  return reply.code(answer.status).type('application/problem+json').send(JSON.stringify(answer));
}
