import type { Result } from './attackers.ts';
import type { Answered } from './well-behaved.ts';

export type Memory = { readonly residentMib: number; readonly usedMib: number };

/** What was seen, for people: each attack with its answers, and what the well-behaved were given meanwhile. */
export function tableOf(
  results: readonly Result[],
  { tookMs, failures }: Answered,
  memory: Readonly<Record<string, Memory>>,
): string {
  const lines = [`${'attack'.padEnd(44)}${'connections'.padStart(12)}${'thrown out'.padStart(12)}  answers`];
  for (const { name, connections, closed, answers } of results) {
    const said = Object.entries(answers).map(([status, count]) => `${status}×${count}`);
    lines.push(
      `${name.padEnd(44)}${String(connections).padStart(12)}${String(closed).padStart(12)}  ${said.join(' ') || '–'}`,
    );
  }
  lines.push('', `${'well-behaved'.padEnd(20)}${['asked', 'p50', 'p99', 'slowest'].map(inColumn).join('')}`);
  for (const [kind, all] of Object.entries(tookMs)) {
    const sorted = all.toSorted((a, b) => a - b);
    const at = (share: number) => `${Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0)} ms`;
    lines.push(`${kind.padEnd(20)}${[String(all.length), at(0.5), at(0.99), at(1)].map(inColumn).join('')}`);
  }
  lines.push(`not answered: ${failures.length}`, '');
  lines.push(`${'memory'.padEnd(20)}${['resident', 'in use'].map(inColumn).join('')}`);
  for (const [when, { residentMib, usedMib }] of Object.entries(memory)) {
    const figures = [residentMib, usedMib].map((mib) => `${Math.round(mib)} MiB`);
    lines.push(`${when.padEnd(20)}${figures.map(inColumn).join('')}`);
  }
  return lines.join('\n');
}

function inColumn(text: string): string {
  return text.padStart(10);
}
