import { expect, test } from 'vitest';
import type { TimelineAnswer } from '../../src/admin/answers.ts';
import { keysFile } from '../support/payload-keys.ts';
import { aLaunch, startStack } from '../support/stack.ts';
import { readablePayloads, readStored, textsIn } from '../support/stored-messages.ts';

const MODEL = 'Qwen/Qwen2.5-0.5B-Instruct';

test('with encryption on, a session goes from launch to receipt and Temporal holds nothing readable of it', async () => {
  using keys = keysFile('k1');
  await using stack = await startStack({ settings: { LEASH_PAYLOAD_KEYS_FILE: keys.path } });
  const { api } = stack;
  // One attempt that fails and activities that fail and are retried: failures tell more than anything.
  await stack.faults({ call: 'create', fault: 'offer-gone', times: 1 });
  await api.launched(aLaunch({ model: MODEL }));
  const ready = await api.supervised('default');
  const { label } = ready.attempts.at(-1) ?? {};
  await api.extend('default', 7);
  await api.admin('POST', 'reap', {});
  const whileReady = await readStored(stack.temporal);
  const { body: listed } = await api.admin<{ sessions: { model: string }[] }>('GET', 'sessions');
  console.log(JSON.stringify(listed).slice(0, 500));
  await stack.faults({ call: 'destroy', fault: 'unavailable', times: 2 });
  await api.destroy('default');
  const receipt = await api.ended('default');
  const timeline = await api.admin<TimelineAnswer>('GET', 'sessions/default/events');
  console.log(timeline.body.items.map((i) => `${i.kind} ${i.title} ${i.detail ?? ''}`).join('\n'));

  const stored = [...whileReady, ...(await readStored(stack.temporal))];
  const readable = stored.flatMap(({ where, message }) => [
    ...readablePayloads(message, where, ['searchAttributes']),
  ]);
  console.log(readable.map(({ path, text }) => `${path}: ${text.slice(0, 100)}`).join('\n'));
  const texts = stored.flatMap(({ where, message }) => [...textsIn(message, where)]);
  const secret = [MODEL, label ?? '', ready.endpoint ?? 'x', stack.market.url, 'RTX'];
  console.log(texts.filter(({ text }) => secret.some((s) => text.includes(s))).map(({ path, text }) => `${path}: ${text.slice(0, 100)}`).join('\n'));
  console.log([...new Set(texts.filter(({text}) => /[a-z]{3,}/.test(text) && !/binary\/encrypted/.test(text)).map(({ path, text }) => `${path.replace(/^.*?(event \d+|description|row)/, '')}: ${text.slice(0, 140)}`))].join('\n'));
  expect(receipt.outcome).toBe('completed');
});
