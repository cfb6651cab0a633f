import { pino } from 'pino';
import { openGatewayKeys } from '../../../src/gateway/keys/keys.ts';

/**
 * A server of its own that uses one key: PLACE TOKEN REQUESTS. Sends all requests at once, says how many were taken
 * on, settles those for a cent each when told `settle`, and closes when told `close`.
 */
const [place = '', token = '', requests = '0'] = process.argv.slice(2);
const keys = await openGatewayKeys({ ...JSON.parse(place), logger: pino({ level: 'silent' }) });
const key = keys.find(token);
if (key === null) throw new Error('The key is not known');
const need = { model: 'qwen', promptTokensAtMost: 10, completionTokensAtMost: 10, usdAtMost: 0.01 };
process.stdin.setEncoding('utf8').on('data', async (text: string) => {
  if (text.includes('go')) {
    const begun = await Promise.allSettled(
      Array.from({ length: Number(requests) }, async () => keys.begin(key, need)),
    );
    const leases = begun.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    for (const lease of leases) lease.settle({ promptTokens: 1, completionTokens: 1, usd: 0.01 });
    process.stdout.write(`taken ${leases.length}\n`);
  }
  if (text.includes('close')) {
    await keys.close();
    process.exit(0);
  }
});
process.stdout.write('ready\n');
