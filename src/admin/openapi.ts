import { z } from 'zod';
import { problemAnswer } from './answers.ts';

type Call = {
  readonly summary: string;
  readonly body?: z.ZodType;
  readonly query?: z.ZodType;
  readonly headers?: Record<string, unknown>;
  /** Answers by status. */
  readonly answers: Readonly<Record<number, { readonly is: string; readonly schema: z.ZodType }>>;
};

/** The schema of a route, for the OpenAPI document only: handlers parse with the same zod schemas. */
export function describeCall(call: Call) {
  return {
    summary: call.summary,
    ...(call.body && { body: jsonSchema(call.body, 'input') }),
    ...(call.query && { querystring: jsonSchema(call.query, 'input') }),
    ...(call.headers && { headers: { type: 'object', properties: call.headers } }),
    response: {
      ...Object.fromEntries(
        Object.entries(call.answers).map(([status, { is, schema }]) => [
          status,
          { description: is, ...jsonSchema(schema, 'output') },
        ]),
      ),
      default: {
        description: 'A problem: what was tried, what is so and what to do',
        content: { 'application/problem+json': { schema: jsonSchema(problemAnswer, 'output') } },
      },
    },
  };
}

/** A route whose answer is a stream of events, which a schema says little of. */
export function describeStream({ summary, query }: Pick<Call, 'summary'> & { readonly query: z.ZodType }) {
  return { summary, querystring: jsonSchema(query, 'input') };
}

export const OPENAPI = {
  openapi: '3.1.0',
  info: {
    title: 'Leash admin API',
    description: 'Rents a GPU on Vast.ai, serves a model on it with vLLM, and always gives it back.',
    version: '0.1.0',
  },
  components: { securitySchemes: { admin: { type: 'http', scheme: 'bearer' } } },
} as const;

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, target: 'draft-2020-12' });
  return rest;
}
