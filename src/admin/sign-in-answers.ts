import { z } from 'zod';

export const signInAnswer = z.object({
  role: z.enum(['admin', 'viewer']).describe('A viewer may look and change nothing'),
  expires_at: z.iso.datetime().describe('Renewed by use once more than half of it is over'),
  market: z.string().describe('`simulated`, `vast.ai` or the host of another market'),
  version: z.string(),
  temporal_ui_url: z
    .url()
    .nullable()
    .describe("Our namespace in Temporal's Web UI; null: LEASH_TEMPORAL_UI_URL is not set"),
});

export type SignInAnswer = z.output<typeof signInAnswer>;
