import type { ComponentChildren } from 'preact';
import type { StatusAnswer } from '../../admin/answers.ts';

export type Tone = 'good' | 'busy' | 'warn' | 'bad' | 'idle';

/** Each tone has a shape of its own: colour is never the only sign. */
const SHAPES: Record<Tone, string> = {
  good: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2z',
  busy: 'M8 2.5A5.5 5.5 0 1 1 2.5 8',
  warn: 'M8 2l6.5 12h-13z',
  bad: 'M3 3h10v10H3z',
  idle: 'M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3z',
};

export function Shape({ tone }: { tone: Tone }) {
  return (
    <svg class={`shape shape-${tone}`} viewBox="0 0 16 16" width="10" height="10" aria-hidden="true">
      <path d={SHAPES[tone]} />
    </svg>
  );
}

export function Chip({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return (
    <span class={`chip chip-${tone}`}>
      <Shape tone={tone} />
      {children}
    </span>
  );
}

const STATE_TONES: Record<StatusAnswer['state'], Tone> = {
  IDLE: 'idle',
  SEARCHING: 'busy',
  LAUNCHING: 'busy',
  BOOTING: 'busy',
  STARTING_VLLM: 'busy',
  READY: 'good',
  DESTROYING: 'warn',
};

const STATE_WORDS: Record<StatusAnswer['state'], string> = {
  IDLE: 'Ended',
  SEARCHING: 'Searching',
  LAUNCHING: 'Renting',
  BOOTING: 'Booting',
  STARTING_VLLM: 'Starting vLLM',
  READY: 'Ready',
  DESTROYING: 'Giving back',
};

export function stateWord(state: StatusAnswer['state']): string {
  return STATE_WORDS[state];
}

export function StateChip({ status }: { status: Pick<StatusAnswer, 'state' | 'health'> }) {
  const isSick = status.state === 'READY' && status.health.consecutive_failures > 0;
  return (
    <Chip tone={isSick ? 'warn' : STATE_TONES[status.state]}>
      {isSick ? 'Ready, failing' : STATE_WORDS[status.state]}
    </Chip>
  );
}

const OUTCOME_TONES: Record<string, Tone> = { completed: 'idle', cancelled: 'idle', 'over-budget': 'warn' };

export function OutcomeChip({ outcome }: { outcome: string }) {
  return <Chip tone={OUTCOME_TONES[outcome] ?? 'bad'}>{outcome}</Chip>;
}
