import { CALL_CASES } from './call-cases.ts';
import { CHAT_CASES } from './chat-cases.ts';
import type { Case } from './client-case.ts';
import { ERROR_CASES } from './error-cases.ts';
import { TOOL_CASES } from './tool-cases.ts';

/** Everything that both packages do. */
export const CASES: readonly Case[] = [...CALL_CASES, ...CHAT_CASES, ...TOOL_CASES, ...ERROR_CASES];
