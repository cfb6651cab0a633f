import { type Account, paidUsd } from '../accounts.ts';
import { diskUsdPerHour, totalUsd } from '../books.ts';
import type { Contract } from '../contract.ts';
import { rounded } from '../machine.ts';
import { volumeUsd } from '../volumes.ts';
import type { World } from '../world.ts';
import { type Answer, type Exchange, jsonParameter, ok, type Route, refusal } from './exchange.ts';

export const billingRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/v0/users/current',
    call: 'user',
    limit: null,
    scope: 'api.user.show',
    handle: user,
  },
  {
    method: 'GET',
    path: '/api/v0/charges',
    call: 'charges',
    limit: 'charges',
    scope: 'api.charges.index',
    handle: charges,
  },
  {
    method: 'GET',
    path: '/api/v1/invoices',
    call: 'invoices',
    limit: 'invoices',
    scope: 'api.invoices.index',
    handle: invoices,
  },
  {
    method: 'GET',
    path: '/api/v0/users/me/invoices',
    call: 'invoices',
    limit: 'invoices',
    scope: 'api.user.invoices',
    handle: oldInvoices,
  },
  {
    method: 'POST',
    path: '/api/v0/contracts/fetch',
    call: null,
    limit: null,
    scope: 'api.contracts.fetch',
    handle: fetchContracts,
  },
];

function user({ world, account, key }: Exchange): Answer {
  const now = world.now();
  return ok({
    id: account.id,
    email: account.email,
    username: account.username,
    fullname: null,
    credit: rounded(world.cashier.creditUsd(account, now), 6),
    balance: 0,
    balance_threshold: 5,
    balance_threshold_enabled: false,
    autobill_threshold: null,
    can_pay: true,
    has_billing: false,
    billed_expected: rounded(world.cashier.usedUsd(account, now), 6),
    billed_verified: rounded(world.cashier.usedUsd(account, now), 6),
    paid_expected: paidUsd(account),
    paid_verified: paidUsd(account),
    ssh_key: null,
    host_agreement_accepted: false,
    api_key: account.key,
    key_id: world.accounts.keyOf(account, key ?? account.key).id,
    sid: null,
  });
}

type ChargeRow = {
  start: number;
  end: number;
  type: string;
  source: string;
  description: string;
  amount: number;
  metadata: Record<string, unknown>;
  items: { type: string; description: string; amount: number; start: number; end: number }[];
};

/** Actual spend, one row per contract, as far as it has been posted. */
function charges({ world, account, query }: Exchange): Answer {
  const filters = filtersIn(query);
  const day = filters?.day as { gte?: unknown; lte?: unknown } | undefined;
  const from = Number(day?.gte ?? Number.NaN);
  const to = Number(day?.lte ?? Number.NaN);
  if (Number.isNaN(from) || Number.isNaN(to)) {
    return refusal(400, 'invalid_args', "Must provide both 'day' gte and lte in select_filters");
  }
  const types = (filters?.type as { in?: unknown } | undefined)?.in;
  const rows = [...instanceCharges(world, account), ...volumeCharges(world, account)]
    .map((row) => within(row, from, to))
    .filter((row) => row !== null)
    .filter((row) => !Array.isArray(types) || types.includes(row.type))
    .sort((a, b) => (query.get('latest_first') === 'false' ? a.start - b.start : b.start - a.start));
  return paged(rows, query, { usual: 100, most: 500 });
}

function instanceCharges(world: World, account: Account): ChargeRow[] {
  return world.contracts
    .ofAccount(account.id)
    .filter(({ posted }) => totalUsd(posted) > 0)
    .map((contract) => chargeRow(world, contract));
}

function chargeRow(world: World, contract: Contract): ChargeRow {
  const { posted } = contract;
  const machine = world.market.getMachine(contract.machineId);
  const start = Math.min(contract.createdAt, posted.settledAt);
  const end = posted.settledAt;
  const hours = (seconds: number, usdPerHour: number) =>
    `${(seconds / 3600).toFixed(3)} hours at $${usdPerHour.toFixed(3)}/hour`;
  const traffic = (bytes: number, usdPerGb: number) =>
    `${(bytes / 1e9).toFixed(3)} GB at $${usdPerGb.toFixed(4)}/GB`;
  const gpuRate = posted.gpuSeconds > 0 ? (posted.gpuUsd / posted.gpuSeconds) * 3600 : contract.gpuUsdPerHour;
  const items = [
    { type: 'gpu', description: hours(posted.gpuSeconds, gpuRate), amount: posted.gpuUsd, start, end },
    {
      type: 'disk',
      description: hours(posted.diskSeconds, diskUsdPerHour(contract, machine)),
      amount: posted.diskUsd,
      start,
      end,
    },
    {
      type: 'bwd',
      description: traffic(posted.downBytes, machine.downloadUsdPerGb),
      amount: posted.downUsd,
      start,
      end,
    },
    {
      type: 'bwu',
      description: traffic(posted.upBytes, machine.uploadUsdPerGb),
      amount: posted.upUsd,
      start,
      end,
    },
  ];
  return {
    start,
    end,
    type: 'instance',
    source: `instance-${contract.id}`,
    description: `Instance ${contract.id}: ${contract.gpuCount}x ${machine.gpu.name}`,
    amount: totalUsd(posted),
    metadata: { template_id: null, label: contract.label, endpoint_id: null, workergroup_id: null },
    items,
  };
}

function volumeCharges(world: World, account: Account): ChargeRow[] {
  const now = world.now();
  return world.volumes
    .all()
    .filter(({ accountId }) => accountId === account.id)
    .map((volume) => {
      const start = volume.createdAt;
      const end = volume.deletedAt ?? now;
      const amount = volumeUsd(volume, now);
      const metadata = { template_id: null, label: null, endpoint_id: null, workergroup_id: null };
      const items = [{ type: 'disk', description: `${volume.sizeGb} GB`, amount, start, end }];
      return {
        start,
        end,
        type: 'volume',
        source: `volume-${volume.id}`,
        description: `Volume ${volume.id}`,
        amount,
        metadata,
        items,
      };
    });
}

/** The part of a row that lies in the span asked for; null when none does. */
function within(row: ChargeRow, from: number, to: number): ChargeRow | null {
  const start = Math.max(row.start, from);
  const end = Math.min(row.end, to);
  if (end < start) return null;
  const share = row.end > row.start ? (end - start) / (row.end - row.start) : 1;
  const scaled = (usd: number) => rounded(usd * share, 6);
  const items = row.items.map((item) => ({ ...item, amount: scaled(item.amount), start, end }));
  return { ...row, start, end, amount: scaled(row.amount), items };
}

/** Payments and credits, not usage. */
function invoices({ account, query }: Exchange): Answer {
  const filters = filtersIn(query);
  const when = filters?.when as { gte?: unknown; lte?: unknown } | undefined;
  if (when?.gte === undefined || when.lte === undefined) {
    return refusal(200, 'invalid_args', "Must provide both 'when' gte and lte in select_filters");
  }
  const services = (filters?.service as { in?: unknown } | undefined)?.in;
  const rows = account.payments
    .filter(({ at }) => at >= Number(when.gte) && at <= Number(when.lte))
    .filter(() => !Array.isArray(services) || services.includes(SERVICE))
    .map(({ id, at, usd, description }) => ({
      start: at,
      end: null,
      type: 'invoice',
      source: SERVICE,
      description,
      amount: usd,
      metadata: { service: SERVICE, invoice_id: id, receipt_url: null },
      items: [],
    }))
    .sort((a, b) => (query.get('latest_first') === 'false' ? a.start - b.start : b.start - a.start));
  return paged(rows, query, { usual: 20, most: 100 });
}

const SERVICE = 'stripe_payments';

/** The deprecated form that `show invoices` still asks for; its numbers come as text. */
function oldInvoices({ world, account, query }: Exchange): Answer {
  const now = world.now();
  const from = Number(query.get('sdate') ?? 0);
  const to = query.get('edate') ? Number(query.get('edate')) : now;
  const isIn = (at: number) => at >= from && at <= to;
  const payments = account.payments
    .filter(({ at }) => isIn(at))
    .map(({ at, usd, description }) => oldRow({ type: 'payment', description, amount: usd, timestamp: at }));
  const used = query.get('inc_charges') === 'false' ? [] : instanceCharges(world, account);
  const rows = used
    .filter(({ end }) => isIn(end))
    .map((row) =>
      oldRow({
        type: 'charge',
        description: row.description,
        amount: row.amount,
        timestamp: row.end,
        instance_id: Number(row.source.split('-')[1]),
      }),
    );
  const charged = world.cashier.usedUsd(account, now);
  return ok({
    invoices: [...payments, ...rows].sort((a, b) => a.timestamp - b.timestamp),
    current: {
      charges: charged,
      service_fee: 0,
      total: charged,
      credit: world.cashier.creditUsd(account, now),
    },
  });
}

function oldRow(row: {
  type: string;
  description: string;
  amount: number;
  timestamp: number;
  instance_id?: number;
}) {
  return {
    ...row,
    amount: row.amount.toFixed(6),
    quantity: '1.0000',
    rate: row.amount.toFixed(6),
    instance_id: row.instance_id ?? null,
    is_credit: row.type === 'payment',
    paid_on: row.type === 'payment' ? row.timestamp : null,
    payment_expected: null,
    balance_before: null,
    balance_after: null,
  };
}

function fetchContracts({ world, account, body }: Exchange): Answer {
  const ids = Array.isArray(body.contract_ids) ? body.contract_ids.map(Number) : null;
  const contracts = world.contracts
    .ofAccount(account.id)
    .filter(({ id }) => ids === null || ids.includes(id))
    .filter(({ label }) => body.label === undefined || body.label === null || label === body.label)
    .map(({ id, label, createdAt, destroyedAt }) => ({
      id,
      label,
      start_date: createdAt,
      end_date: destroyedAt,
    }));
  return ok({ success: true, contracts });
}

function filtersIn(query: URLSearchParams): Record<string, unknown> | null {
  try {
    const filters = jsonParameter(query, 'select_filters');
    return typeof filters === 'object' && filters !== null ? (filters as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function paged(
  rows: readonly object[],
  query: URLSearchParams,
  limits: { usual: number; most: number },
): Answer {
  const asked = Math.floor(Number(query.get('limit') ?? limits.usual));
  const limit = Number.isNaN(asked) || asked < 1 ? limits.usual : Math.min(asked, limits.most);
  const offset = query.get('after_token') ? Number(query.get('after_token')) : 0;
  if (!Number.isInteger(offset) || offset < 0)
    return refusal(400, 'invalid_token', 'after_token is not valid');
  const results = rows.slice(offset, offset + limit);
  const next = offset + results.length < rows.length ? String(offset + results.length) : null;
  return ok({ success: true, count: results.length, total: rows.length, next_token: next, results });
}
