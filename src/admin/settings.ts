import type { FastifyPluginAsync } from 'fastify';
import type { z } from 'zod';
import { type Config, settingsSchema } from '../config.ts';
import { redactSecrets } from '../domain/redaction.ts';
import { type SettingAnswer, settingsAnswer } from './answers.ts';
import { describeCall } from './openapi.ts';

type Deps = {
  readonly config: Config;
  /** What may stand in no value, whatever setting it is pasted into. */
  readonly secrets: readonly string[];
};

/** `/api/admin/settings`: what this server was started with. */
export const settingsRoutes =
  ({ config, secrets }: Deps): FastifyPluginAsync =>
  async (app) => {
    const items = presentSettings(config, secrets);
    app.get('/settings', { schema: SETTINGS }, async () => ({ items }));
  };

/** Every setting in the order of its schema. A secret's value is never among them. */
export function presentSettings(config: Config, secrets: readonly string[] = []): SettingAnswer[] {
  const known = [...secrets, ...secretsIn(config)];
  return Object.entries<z.ZodType>(settingsSchema.shape).map(([name, schema]) => {
    const value = textOf(config[name as keyof Config]);
    const initial = textOf(schema.safeParse(undefined).data);
    const isSecret = isMarkedSecret(schema);
    return {
      name,
      value: isSecret || value === null ? null : withoutSecrets(value, known),
      is_set: value !== null && value !== initial,
      is_secret: isSecret,
      default: initial,
      says: schema.description ?? '',
    };
  });
}

function secretsIn(config: Config): string[] {
  return Object.entries<z.ZodType>(settingsSchema.shape).flatMap(([name, schema]) => {
    const value = config[name as keyof Config];
    return isMarkedSecret(schema) && typeof value === 'string' ? [value] : [];
  });
}

function isMarkedSecret(schema: z.ZodType): boolean {
  return schema.meta()?.secret === true;
}

/** As it would be written into the environment. */
function textOf(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (Array.isArray(value) && value.every((part) => typeof part === 'string')) return value.join(',');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function withoutSecrets(text: string, known: readonly string[]): string {
  const withoutPasswords = text.replaceAll(/(?<=:\/\/)[^\s/@"]+(?=@)/g, '[redacted]');
  return redactSecrets(withoutPasswords, known);
}

const SETTINGS = describeCall({
  summary: 'Settings of this server; secrets are named, and their values never given',
  answers: { 200: { is: 'Every setting', schema: settingsAnswer } },
});
