/** A parser of outside data, with good inputs to spoil. What it throws is a finding, and so is what it gets wrong. */
export type Target = {
  readonly name: string;
  readonly seeds: readonly string[];
  readonly take: (input: Buffer) => void;
};

/** Only what is JSON: the parser stands behind one. */
export function ofJson(name: string, seeds: readonly string[], take: (value: unknown) => void): Target {
  return {
    name,
    seeds,
    take: (input) => {
      const value = parsed(input.toString());
      if (value !== undefined) take(value);
    },
  };
}

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A parser may refuse, in the way it says it does. */
export function unless<Given>(
  refusals: readonly (abstract new (...given: never[]) => Error)[],
  take: (given: Given) => void,
) {
  return (given: Given): void => {
    try {
      take(given);
    } catch (error) {
      if (!refusals.some((refusal) => error instanceof refusal)) throw error;
    }
  };
}

/** In pieces of growing length, so that every mark is cut somewhere. */
export function pieces(input: Buffer): Buffer[] {
  const cut: Buffer[] = [];
  for (let at = 0, length = 1; at < input.length; at += length, length = (length % 97) + 3)
    cut.push(input.subarray(at, at + length));
  return cut;
}

/** All of `out` came from `input`, in its order; a last event may have got its empty line. */
export function startsWith(input: Buffer, out: Buffer): boolean {
  const end = out.subarray(0, Math.min(out.length, input.length));
  return input.subarray(0, end.length).equals(end) && out.length <= input.length + 2;
}
