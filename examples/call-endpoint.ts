/**
 * Calls a worker as Vast.ai's clients do: asks the engine where to, and goes there with what it answered.
 *
 *   node examples/call-endpoint.ts ENDPOINT ROUTE PAYLOAD [COST]
 *
 * VASTAI_API_KEY is the account's; VASTAI_API_URL names another market, which is its own engine.
 */
const [endpoint = '', route = '/', payload = '{}', cost = '100'] = process.argv.slice(2);
const { VASTAI_API_KEY: accountKey = '', VASTAI_API_URL: other } = process.env;
const [market, engine] = [other ?? 'https://console.vast.ai', other ?? 'https://run.vast.ai'];
const WAIT_MS = 300_000;
const deadline = AbortSignal.timeout(WAIT_MS);

const key = await findEndpointKey();
const authData = await awaitWorker(key);
const answer = await fetch(`${authData.url}${route}`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ auth_data: authData, payload: JSON.parse(payload) }),
  signal: deadline,
});
for await (const chunk of answer.body ?? []) process.stdout.write(chunk);
process.stdout.write('\n');
process.exitCode = answer.ok ? 0 : 1;

async function findEndpointKey(): Promise<string> {
  const response = await fetch(`${market}/api/v0/endptjobs/?client_id=me`, {
    headers: { authorization: `Bearer ${accountKey}` },
    signal: deadline,
  });
  const { results } = (await response.json()) as { results?: { endpoint_name: string; api_key: string }[] };
  const found = results?.find(({ endpoint_name }) => endpoint_name === endpoint);
  if (found === undefined) throw new Error(`There is no endpoint ${endpoint} at ${market} for this key`);
  return found.api_key;
}

/** Asks until there is a worker that can take the request, which keeps its place by its index. */
async function awaitWorker(api_key: string): Promise<{ url: string }> {
  for (let request_idx = 0; ; ) {
    const response = await fetch(`${engine}/route/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${api_key}` },
      body: JSON.stringify({ endpoint, api_key, cost: Number(cost), request_idx, replay_timeout: 60 }),
      signal: deadline,
    });
    if (!response.ok) throw new Error(`The engine answered ${response.status}: ${await response.text()}`);
    const said = (await response.json()) as { url?: string; request_idx?: number };
    if (said.url !== undefined) return { ...said, url: said.url };
    request_idx = said.request_idx ?? 0;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}
