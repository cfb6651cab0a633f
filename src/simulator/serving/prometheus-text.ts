/**
 * Prometheus text as Python's client writes it: `1.0` for one, `1.5e+06` from a million on, `_created`
 * beside every counter, labels sorted.
 *
 * Written by hand because readers of real vLLM meet exactly this spelling (a shell script that expects
 * `1` breaks on `1.0`), and because a registry of `prom-client` per server is heavy when a thousand run
 * in one process.
 */

export type Labels = Readonly<Record<string, string>>;

/** One family as text; `samples` are label sets with their values. */
export function family(given: {
  name: string;
  type: 'counter' | 'gauge';
  help: string;
  samples: readonly (readonly [Labels, number])[];
  createdS?: number;
}): string {
  const { name, type, help, samples, createdS } = given;
  const sampleName = type === 'counter' ? `${name}_total` : name;
  let text = `# HELP ${sampleName} ${help}\n# TYPE ${sampleName} ${type}\n`;
  for (const [labels, value] of samples) text += `${sampleName}${labelText(labels)} ${numberText(value)}\n`;
  if (type === 'counter' && createdS !== undefined) text += created(name, help, samples, createdS);
  return text;
}

/** Counts observations into buckets; bounds are upper and inclusive. */
export class Histogram {
  readonly #name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  readonly #counts: Uint32Array;
  #count = 0;
  #sum = 0;

  constructor(name: string, help: string, bounds: readonly number[]) {
    this.#name = name;
    this.#help = help;
    this.#bounds = bounds;
    this.#counts = new Uint32Array(bounds.length);
  }

  observe(value: number): void {
    this.#count += 1;
    this.#sum += value;
    const bucket = this.#bounds.findIndex((bound) => value <= bound);
    if (bucket >= 0) this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
  }

  text(labels: Labels, createdS: number): string {
    const name = this.#name;
    let text = `# HELP ${name} ${this.#help}\n# TYPE ${name} histogram\n`;
    let running = 0;
    for (const [index, bound] of this.#bounds.entries()) {
      running += this.#counts[index] ?? 0;
      text += `${name}_bucket${labelText({ ...labels, le: numberText(bound) })} ${numberText(running)}\n`;
    }
    text += `${name}_bucket${labelText({ ...labels, le: '+Inf' })} ${numberText(this.#count)}\n`;
    text += `${name}_count${labelText(labels)} ${numberText(this.#count)}\n`;
    text += `${name}_sum${labelText(labels)} ${numberText(this.#sum)}\n`;
    return text + created(name, this.#help, [[labels, 0]], createdS);
  }
}

/** Python's `repr` of a float, with the exponent form that its Prometheus client uses from a million on. */
export function numberText(value: number): string {
  const text = Number.isInteger(value) ? `${value}.0` : String(value);
  const dot = text.indexOf('.');
  if (value <= 0 || dot <= 6) return text;
  const mantissa = `${text[0]}.${text.slice(1, dot)}${text.slice(dot + 1)}`.replace(/[0.]+$/, '');
  return `${mantissa}e+${String(dot - 1).padStart(2, '0')}`;
}

function created(
  name: string,
  help: string,
  samples: readonly (readonly [Labels, number])[],
  createdS: number,
): string {
  const lines = samples.map(([labels]) => `${name}_created${labelText(labels)} ${numberText(createdS)}\n`);
  return `# HELP ${name}_created ${help}\n# TYPE ${name}_created gauge\n${lines.join('')}`;
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  if (pairs.length === 0) return '';
  return `{${pairs.map(([name, value]) => `${name}="${escapeLabel(value)}"`).join(',')}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
