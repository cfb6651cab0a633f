import { KEY } from './an-order.ts';

export const withKey = { authorization: `Bearer ${KEY}` };

export async function getJson(url: string, headers: Record<string, string> = withKey): Promise<unknown> {
  const response = await fetch(url, { headers });
  return response.json();
}

export async function post(
  url: string,
  body: unknown,
  headers: Record<string, string> = withKey,
): Promise<{ status: number; text: string; json: () => Record<string, unknown> }> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, text, json: () => JSON.parse(text) };
}

/** The value of one sample on a `/metrics` page; undefined when the page does not have it. */
export async function metric(
  url: string,
  name: string,
  labels: Record<string, string> = {},
): Promise<number | undefined> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text
    .split('\n')
    .filter((one) => one.startsWith(`${name}{`) || one.startsWith(`${name} `))
    .find((one) => Object.entries(labels).every(([label, value]) => one.includes(`${label}="${value}"`)));
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ') + 1));
}

/** The data of each event of a stream, in order. */
export function events(text: string): string[] {
  return text
    .split('\n\n')
    .filter((block) => block !== '')
    .map((block) => block.replace(/^data: /, ''));
}

export function aChat(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return { messages: [{ role: 'user', content: 'Should I rent a GPU?' }], ...changes };
}
