const [QUOTE, BACKSLASH, COLON, COMMA, OPEN, CLOSE, LIST, LIST_END] = [
  34, 92, 58, 44, 123, 125, 91, 93,
] as const;

/**
 * A JSON object with its `model` replaced, or put in; every other byte stays as it came, so that no number
 * loses a digit and nothing is written anew. `json` must be an object that parses.
 */
export function withModel(json: Buffer, model: string): Buffer {
  const value = Buffer.from(JSON.stringify(model));
  const spans = spansOfModel(json);
  if (spans.length === 0) return putIn(json, value);
  const parts: Buffer[] = [];
  let from = 0;
  // Of a key that comes twice the last counts, here and there: all are replaced.
  for (const [start, end] of spans) {
    parts.push(json.subarray(from, start), value);
    from = end;
  }
  parts.push(json.subarray(from));
  return Buffer.concat(parts);
}

function putIn(json: Buffer, value: Buffer): Buffer {
  const open = json.indexOf(OPEN) + 1;
  const isEmpty = json[skipSpace(json, open)] === CLOSE;
  return Buffer.concat([
    json.subarray(0, open),
    Buffer.from('"model":'),
    value,
    Buffer.from(isEmpty ? '' : ','),
    json.subarray(open),
  ]);
}

/** Where the values of the keys `model` of the object itself begin and end. */
function spansOfModel(json: Buffer): [start: number, end: number][] {
  const spans: [number, number][] = [];
  let at = skipSpace(json, json.indexOf(OPEN) + 1);
  while (json[at] === QUOTE) {
    const keyEnd = endOfString(json, at);
    const isModel = isModelKey(json, at, keyEnd);
    const start = skipSpace(json, json.indexOf(COLON, keyEnd) + 1);
    const end = endOfValue(json, start);
    if (isModel) spans.push([start, end]);
    at = skipSpace(json, end);
    if (json[at] === COMMA) at = skipSpace(json, at + 1);
  }
  return spans;
}

/** A key may be written with escapes. */
function isModelKey(json: Buffer, start: number, end: number): boolean {
  const text = json.toString('utf8', start, end);
  return text === '"model"' || (text.includes('\\') && JSON.parse(text) === 'model');
}

function skipSpace(json: Buffer, at: number): number {
  let next = at;
  while (json[next] === 32 || json[next] === 10 || json[next] === 13 || json[next] === 9) next += 1;
  return next;
}

/** Behind the closing quote. */
function endOfString(json: Buffer, start: number): number {
  for (let at = json.indexOf(QUOTE, start + 1); ; at = json.indexOf(QUOTE, at + 1)) {
    if (at === -1) return json.length;
    let backslashes = 0;
    while (json[at - 1 - backslashes] === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return at + 1;
  }
}

function endOfValue(json: Buffer, start: number): number {
  let depth = 0;
  let at = start;
  while (at < json.length) {
    const byte = json[at];
    if (byte === QUOTE) {
      at = endOfString(json, at);
      if (depth === 0) return at;
      continue;
    }
    if (byte === OPEN || byte === LIST) depth += 1;
    else if (byte === CLOSE || byte === LIST_END) {
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (byte === COMMA || byte === 32 || byte === 10 || byte === 13 || byte === 9)) {
      return at;
    }
    at += 1;
  }
  return at;
}
