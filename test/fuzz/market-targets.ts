import { classifyCreateRefusal } from '../../src/domain/failure.ts';
import { readSaid, saysGone, toMarketError } from '../../src/vast/answer.ts';
import { toAccount, toChargeRow, toInvoice, toVolume } from '../../src/vast/books.ts';
import { MarketError } from '../../src/vast/client.ts';
import { judgeCreate } from '../../src/vast/creating.ts';
import { readPage } from '../../src/vast/listing.ts';
import { readLogUrl } from '../../src/vast/logs.ts';
import { toOffer } from '../../src/vast/offers.ts';
import { toKeyId, toKeyRights } from '../../src/vast/permissions.ts';
import { isPlausiblePublicIp } from '../../src/vast/public-ip.ts';
import { readConditions, withUsualConditions } from '../../src/vast/search-params.ts';
import { toEndpoint, toTemplate, toWorker, toWorkergroup } from '../../src/vast/serverless-wire.ts';
import { toInstance } from '../../src/vast/wire.ts';
import { SEEDS } from './seeds.ts';
import { ofJson, parsed, type Target, unless } from './target.ts';

const API_URL = 'http://127.0.0.1:8700';

/** What the market sends back, and what people write for it. */
export const MARKET_TARGETS: readonly Target[] = [
  ofJson('instances, offers and books', SEEDS.vast, (value) => {
    toInstance(value, { apiUrl: API_URL });
    toOffer(value, { nowMs: 0 });
    toAccount(value);
    toChargeRow(value);
    toInvoice(value);
    toVolume(value);
  }),
  ofJson('serverless templates, endpoints and workers', SEEDS.vast, (value) => {
    toTemplate(value);
    toEndpoint(value);
    toWorkergroup(value);
    toWorker(value);
  }),
  {
    name: 'words of the market',
    seeds: SEEDS.refusals,
    take: (input) => {
      const body = input.toString();
      const answer = {
        status: 404,
        json: parsed(body),
        body,
        retryAfterMs: null,
        secrets: ['a-secret-of-ours'],
      };
      const said = readSaid(answer);
      saysGone(answer, said);
      const { message } = toMarketError(answer, said, 'do it');
      if (message.includes('a-secret-of-ours')) throw new Error('A secret was quoted.');
      classifyCreateRefusal(said);
    },
  },
  {
    name: 'answers to a create',
    seeds: SEEDS.creates,
    take: (input) => {
      const body = input.toString();
      const json = parsed(body);
      for (const status of [200, 400, 404, 429, 502]) {
        const result = judgeCreate({ status, json, body, retryAfterMs: null, secrets: [] }, 'rent');
        // Refused means certainly not there: an answer that names a contract never says that.
        const named = (json as { new_contract?: unknown } | null | undefined)?.new_contract;
        if (result.kind === 'refused' && named)
          throw new Error('A contract that is named was called refused.');
        if (result.kind === 'created' && !(result.instanceId > 0)) throw new Error('Created without an id.');
      }
    },
  },
  ofJson(
    'pages of lists',
    SEEDS.pages,
    unless([MarketError], (value) => {
      const page = readPage(value, {
        tried: 'list',
        call: 'list',
        path: '/',
        query: {},
        rowsKey: 'instances',
        toRow: (row) => toInstance(row, { apiUrl: API_URL }),
      });
      const { instances } = value as { instances: unknown[] };
      if (page.rows.length !== instances.length) throw new Error('A row of the page is missing.');
    }),
  ),
  ofJson('rights of keys', SEEDS.rights, (value) => {
    toKeyId(value);
    const rights = toKeyRights({ apikeys: [{ id: 1, rights: value }] }, 1);
    toKeyRights(value, 1);
    const isWordless = !JSON.stringify(value).includes('{');
    if (rights.kind === 'stated' && isWordless && typeof value !== 'string')
      throw new Error('Rights were read out of what is no tree.');
  }),
  ofJson(
    'places of logs',
    ['{"result_url":"https://s3.example/x.log","msg":""}', '{"result_url":"http://h/x"}'],
    unless([MarketError], (value) => {
      const url = readLogUrl(value, { tried: 'read', apiUrl: 'https://console.vast.ai' });
      if (url.protocol !== 'https:') throw new Error('A log would be fetched in the open.');
    }),
  ),
  {
    name: 'addresses and searches',
    seeds: [
      '203.0.113.7',
      'fe80::1',
      'gpu_ram>=24 verified=true gpu_name in [A,B]',
      'a = "b c" d not in [1]',
    ],
    take: (input) => {
      const text = input.toString();
      isPlausiblePublicIp(text, { apiUrl: 'https://console.vast.ai' });
      if (readConditions(text) !== null) withUsualConditions(text);
    },
  },
];
