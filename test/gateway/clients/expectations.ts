import { z } from 'zod';

export const words = z.string().min(1);
export const usage = z
  .strictObject({ prompt: z.int().positive(), completion: z.int().positive(), total: z.int().positive() })
  .refine(({ prompt, completion, total }) => prompt + completion === total, 'the sum is wrong');

export type Told = Partial<Record<'text' | 'finish' | 'tools' | 'logprobs', z.ZodType>>;

const chatChoice = (told: Told) => ({
  role: z.literal('assistant'),
  text: words,
  tools: z.tuple([]),
  finish: z.enum(['stop', 'length']),
  logprobs: z.null(),
  ...told,
});

/** An answer of one choice. */
export function answer(told: Told = {}): z.ZodType {
  return z.strictObject({
    model: z.literal('$model'),
    choices: z.tuple([z.strictObject(chatChoice(told))]),
    usage,
  });
}

/** The same, gathered from a stream. */
export function gathered(told: Told = {}, counted: z.ZodType = z.null()): z.ZodType {
  const { role: _role, logprobs: _logprobs, ...choice } = chatChoice(told);
  return z.strictObject({ choices: z.tuple([z.strictObject(choice)]), usage: counted });
}

export function completion(told: Told = {}): z.ZodType {
  const choice = z.strictObject({ text: words, finish: z.literal('length'), logprobs: z.null(), ...told });
  return z.strictObject({ model: z.literal('$model'), choices: z.tuple([choice]), usage });
}

export function refused(
  error: string,
  told: { status: number; code?: z.ZodType | string; param?: string | null },
): z.ZodType {
  const { status, code = z.unknown(), param = null } = told;
  return z.looseObject({
    error: z.literal(error),
    status: z.literal(status),
    code: typeof code === 'string' ? z.literal(code) : code,
    param: z.literal(param),
  });
}

/** What Claude models have no counterpart for is refused by its name, before anything is sent. */
export const inexpressible = (param: string) =>
  refused('BadRequestError', { status: 400, code: 'invalid_request', param });
export const noSuchCall = refused('NotFoundError', { status: 404, code: 'route_not_served' });
/** Random weights may begin with a token that shows as nothing. */
export const anyWords: Told = { text: z.string() };

export function embedded(count: number): z.ZodType {
  return z.strictObject({
    lengths: z.array(z.int().min(2)).length(count),
    first: z.array(z.number()).length(count),
    usage: z.strictObject({
      prompt: z.int().positive(),
      completion: z.literal(0),
      total: z.int().positive(),
    }),
  });
}

export function responded(text: z.ZodType, isStream = false): z.ZodType {
  return z.strictObject({
    status: z.enum(['completed', 'incomplete']),
    text,
    model: z.literal('$model'),
    usage,
    ...(isStream && { isWhole: z.literal(true) }),
  });
}
