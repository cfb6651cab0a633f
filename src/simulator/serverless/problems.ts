import type { z } from 'zod';

/** All that is wrong with a body, in one sentence of the service's kind. */
export function problemsOf(error: z.ZodError): string {
  const said = error.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`);
  return `error 400/4411: invalid_args ${said.join('; ')}`;
}
