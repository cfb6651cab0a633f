import { z } from 'zod';

export const settingAnswer = z.object({
  name: z.string(),
  value: z.string().nullable().describe('As it counts now; null for a secret, and where there is none'),
  is_set: z.boolean().describe('Whether it is something else than its default'),
  is_secret: z.boolean(),
  default: z.string().nullable(),
  says: z.string().describe('What it means'),
});

export const settingsAnswer = z.object({ items: z.array(settingAnswer) });

export type SettingAnswer = z.output<typeof settingAnswer>;
export type SettingsAnswer = z.output<typeof settingsAnswer>;
