import { expect, test } from 'vitest';
import { aClient, aPage, aSearch, aWireInstance, aWireOffer } from './builders.ts';
import { anOddMarket } from './odd-market.ts';

test('a search asks for what the raw API does not add, in numbers and operators', async () => {
  await using market = await anOddMarket({ json: { offers: [] } });
  await using vast = aClient(market.url);
  await vast.searchOffers(
    aSearch({
      gpuNames: ['RTX 4090', 'Tesla V100'],
      gpuRamMibMin: 21_600,
      usdPerHourMin: 0.1,
      usdPerHourMax: 0.6,
      type: 'interruptible',
      datacenterOnly: true,
      reliabilityMin: 0.98,
      countries: ['US', 'SE'],
      notCountries: ['CN'],
      directPortsMin: 1,
      availableSecondsMin: 7_200,
    }),
  );
  expect(market.received).toMatchObject([{ method: 'POST', path: '/api/v0/bundles/' }]);
  expect(market.received[0]?.body).toEqual({
    verified: { eq: true },
    rentable: { eq: true },
    rented: { eq: false },
    external: { eq: false },
    datacenter: { eq: true },
    num_gpus: { eq: 1 },
    gpu_name: { in: ['RTX 4090', 'Tesla V100'] },
    gpu_ram: { gte: 21_600 },
    dph_total: { gte: 0.1, lte: 0.6 },
    reliability: { gte: 0.98 },
    geolocation: { in: ['US', 'SE'], notin: ['CN'] },
    direct_port_count: { gte: 1 },
    duration: { gte: 7_200 },
    order: [['dph_total', 'asc']],
    type: 'bid',
    allocated_storage: 40,
    limit: 64,
  });
});

test('an offer is read in our units', async () => {
  await using market = await anOddMarket({ json: { offers: [aWireOffer()] } });
  await using vast = aClient(market.url);
  expect(await vast.searchOffers(aSearch())).toEqual({
    isCut: false,
    offers: [
      {
        offerId: 7001,
        machineId: 31,
        hostId: 9,
        gpuName: 'RTX 4090',
        gpuCount: 1,
        gpuRamMib: 24_564,
        usdPerHour: 0.408,
        gpuUsdPerHour: 0.4,
        storageUsdPerGbMonth: 0.15,
        downloadUsdPerGb: 0.002,
        uploadUsdPerGb: 0.003,
        minBidUsdPerHour: 0.2,
        reliability: 0.9951,
        isVerified: true,
        isDatacenter: true,
        isRentable: true,
        isRented: false,
        isExternal: false,
        country: 'US',
        downloadMbps: 812.5,
        uploadMbps: 400,
        diskGb: 512,
        diskMbPerSecond: 2100,
        directPortCount: 50,
        cudaMax: 12.8,
        computeCapability: 8.9,
        driverMajor: 570,
        cpuArch: 'amd64',
        availableSeconds: 86_400,
      },
    ],
  });
});

test('an offer is read from numbers in strings, and what is missing counts against it', async () => {
  const odd = {
    id: '7002',
    machine_id: '32',
    gpu_name: 'H200',
    num_gpus: '1',
    gpu_ram: '143771',
    dph_total: '2.5',
    storage_cost: '0.1',
    inet_down_cost: '0',
    inet_up_cost: 0,
    external: 1,
    geolocation: ', ',
    driver_vers: 550_054_014,
    reliability2: null,
  };
  await using market = await anOddMarket({ json: { offers: [odd] } });
  await using vast = aClient(market.url);
  const { offers } = await vast.searchOffers(aSearch());
  expect(offers).toMatchObject([
    {
      offerId: 7002,
      gpuRamMib: 143_771,
      usdPerHour: 2.5,
      isExternal: true,
      isVerified: false,
      country: null,
      driverMajor: 550,
      reliability: 0,
      directPortCount: 0,
      availableSeconds: 0,
    },
  ]);
});

test('the GPUs of a bid cost what is bid', async () => {
  const bid = aWireOffer({ is_bid: true, min_bid: 0.21, dph_total: 0.218 });
  await using market = await anOddMarket({ json: { offers: [bid] } });
  await using vast = aClient(market.url);
  const { offers } = await vast.searchOffers(aSearch({ type: 'interruptible' }));
  expect(offers).toMatchObject([{ gpuUsdPerHour: 0.21, usdPerHour: 0.218, minBidUsdPerHour: 0.21 }]);
});

test('an offer that names no price is skipped, and a full answer says that there may be more', async () => {
  const rows = Array.from({ length: 64 }, (_, at) =>
    aWireOffer({ id: at + 1, ...(at === 5 ? { dph_total: null } : {}) }),
  );
  await using market = await anOddMarket({ json: { offers: rows } });
  await using vast = aClient(market.url);
  const { offers, isCut } = await vast.searchOffers(aSearch());
  expect(offers).toHaveLength(63);
  expect(isCut).toBe(true);
});

test('an instance is read in our units, and nothing secret comes with it', async () => {
  await using market = await anOddMarket(aPage([aWireInstance()]));
  await using vast = aClient(market.url);
  const instances = await vast.listInstances();
  expect(instances).toEqual([
    {
      instanceId: 501,
      label: 'leash.abcdefghij.default.klmnopqrst.1.x1800000000',
      labelFromEnvironment: 'leash.abcdefghij.default.klmnopqrst.1.x1800000000',
      machineId: 31,
      gpuName: 'RTX 4090',
      gpuCount: 1,
      gpuRamMib: 24_564,
      actualStatus: 'running',
      intendedStatus: 'running',
      currentState: 'running',
      nextState: 'running',
      statusMessage: 'success, running vllm/vllm-openai_v0.11.0/ssh',
      publicIp: '203.0.113.7',
      hostPorts: { '8000/tcp': 37_708 },
      startedAtMs: 1_790_000_000_250,
      endsAtMs: 1_790_600_000_000,
      uptimeMs: 750_000,
      usdPerHour: 0.408,
      gpuUsdPerHour: 0.4,
      storageUsdPerHour: 0.008,
      downloadUsdPerGb: 0.002,
      uploadUsdPerGb: 0.003,
      downloadBilledMb: 9_000,
      uploadBilledMb: null,
      isBid: false,
      diskGb: 40,
      gpuUtilPercent: 96.5,
      gpuTempC: 71,
    },
  ]);
  expect(JSON.stringify(instances)).not.toContain('verysecret');
});

test('an instance that has not reported yet is read as one, and its label is found where it was changed', async () => {
  const early = {
    id: '502',
    label: 'renamed in the console',
    extra_env: { LEASH_LABEL: 'ours' },
    actual_status: null,
    ports: null,
    public_ipaddr: '  ',
    storage_cost: '0.72',
    disk_space: '100',
  };
  await using market = await anOddMarket(aPage([early]));
  await using vast = aClient(market.url);
  expect(await vast.listInstances()).toMatchObject([
    {
      instanceId: 502,
      label: 'renamed in the console',
      labelFromEnvironment: 'ours',
      actualStatus: null,
      publicIp: null,
      hostPorts: {},
      startedAtMs: null,
      storageUsdPerHour: 0.1,
      isBid: false,
    },
  ]);
});

test('a port map that cannot be read maps nothing', async () => {
  const ports = {
    '8000/tcp': [{ HostPort: '0' }, { HostPort: 'x' }],
    '22/tcp': null,
    '70/tcp': [{ HostIp: '::', HostPort: 99 }],
  };
  await using market = await anOddMarket(aPage([aWireInstance({ ports })]));
  await using vast = aClient(market.url);
  expect(await vast.listInstances()).toMatchObject([{ hostPorts: { '70/tcp': 99 } }]);
});

test('the account is read by its credit, never by its balance', async () => {
  await using market = await anOddMarket(
    { json: { id: 42, credit: '17.25', balance: 0, api_key: 'verysecret', email: 'me@example.com' } },
    { json: { id: 42, balance: 12 } },
  );
  await using vast = aClient(market.url);
  expect(await vast.currentUser()).toEqual({ accountId: '42', creditUsd: 17.25 });
  await expect(vast.currentUser()).rejects.toMatchObject({ kind: 'bad-answer' });
});

test('charges are read over all pages, by contract and label, in dollars by cause', async () => {
  const row = {
    start: 1_790_000_000,
    end: 1_790_003_600,
    type: 'instance',
    source: 'instance-501',
    description: 'Instance 501',
    amount: '0.5',
    metadata: { label: 'leash.x', template_id: null },
    items: [
      { type: 'gpu', amount: 0.4, description: '1.000 hours at $0.4/hour' },
      { type: 'disk', amount: '0.05' },
      { type: 'bwd', amount: 0.03 },
      { type: 'bwu', amount: 0.02 },
    ],
  };
  const volume = { start: 1, end: 2, source: 'volume-3', amount: 0.01 };
  await using market = await anOddMarket(
    { json: { success: true, count: 1, total: 2, next_token: 'two', results: [row] } },
    { json: { success: true, count: 1, total: 2, next_token: null, results: [volume] } },
  );
  await using vast = aClient(market.url);
  expect(await vast.listCharges({ fromMs: 1_789_999_999_500, toMs: 1_790_010_000_500 })).toEqual([
    {
      instanceId: 501,
      label: 'leash.x',
      fromMs: 1_790_000_000_000,
      toMs: 1_790_003_600_000,
      usd: { gpu: 0.4, storage: 0.05, bandwidth: 0.05, total: 0.5 },
    },
    {
      instanceId: null,
      label: null,
      fromMs: 1_000,
      toMs: 2_000,
      usd: { gpu: 0, storage: 0, bandwidth: 0, total: 0.01 },
    },
  ]);
  expect(market.received.map(({ query }) => query.get('after_token'))).toEqual([null, 'two']);
  expect(JSON.parse(market.received[1]?.query.get('select_filters') ?? '')).toEqual({
    day: { gte: 1_789_999_999, lte: 1_790_010_001 },
  });
});

test('a charge without an amount makes the whole list fail', async () => {
  await using market = await anOddMarket({
    json: { results: [{ start: 1, end: 2, source: 'instance-1' }], next_token: null },
  });
  await using vast = aClient(market.url);
  await expect(vast.listCharges({ fromMs: 0, toMs: 1 })).rejects.toMatchObject({ kind: 'bad-answer' });
});

test('invoices and volumes are read, and an invoice list refused with status 200 is no empty list', async () => {
  await using market = await anOddMarket(
    {
      json: {
        success: true,
        results: [{ id: 5, type: 'invoice', amount: '20', when: 1_790_000_000 }],
        next_token: null,
      },
    },
    {
      json: {
        volumes: [
          { id: 3, machine_id: 31, disk_space: 50, start_date: 1_790_000_000, label: null, name: 'V.3' },
        ],
      },
    },
    { json: { success: false, msg: 'Must provide a range' } },
  );
  await using vast = aClient(market.url);
  expect(await vast.listInvoices({ fromMs: 0, toMs: 1 })).toMatchObject([
    { invoiceId: '5', usd: 20, atMs: 1_790_000_000_000 },
  ]);
  expect(await vast.listVolumes()).toMatchObject([{ volumeId: 3, label: 'V.3', machineId: 31, diskGb: 50 }]);
  await expect(vast.listInvoices({ fromMs: 0, toMs: 1 })).rejects.toMatchObject({ kind: 'refused' });
});
