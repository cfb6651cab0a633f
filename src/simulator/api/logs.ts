import type { Contract } from '../contract.ts';
import {
  type Answer,
  type Exchange,
  findOwn,
  noSuchInstance,
  type Route,
  refusal,
  success,
} from './exchange.ts';

export const logRoutes: readonly Route[] = [
  {
    method: 'PUT',
    path: '/api/v0/instances/request_logs/:id',
    call: 'logs',
    limit: null,
    scope: 'api.instance.request_logs',
    handle: requestLogs,
  },
  {
    method: 'PUT',
    path: '/api/v0/instances/command/:id',
    call: null,
    limit: 'execute',
    scope: 'api.instance.execute',
    handle: execute,
  },
];

/** First step of two: a snapshot is uploaded; the link answers once the upload is complete. */
function requestLogs(exchange: Exchange): Answer {
  const { world, body, params, baseUrl } = exchange;
  const contract = findOwn(exchange, params.id);
  if (contract === null) return refusal(404, 'invalid_id', `Instance ${params.id} not found.`);
  const tail = Number(body.tail ?? MOST_LINES);
  if (!Number.isInteger(tail) || tail < 1)
    return refusal(400, 'invalid_args', 'tail must be a string of digits');
  const isDaemon = body.daemon_logs === true || body.daemon_logs === 'true';
  const lines = isDaemon ? daemonLines(contract) : [...world.containers.logLines(contract)];
  const matching =
    typeof body.filter === 'string' ? lines.filter((line) => line.includes(String(body.filter))) : lines;
  const text = matching.slice(-Math.min(tail, MOST_LINES)).join('\n');
  const name = world.logObjects.upload(text === '' ? '' : `${text}\n`, world.now());
  return success({ result_url: `${baseUrl}/_objects/${name}.log`, msg: 'Logs requested.' });
}

const MOST_LINES = 5000;

function daemonLines(contract: Contract): string[] {
  const { image } = contract.order;
  const lines = [`pulling ${image}`];
  if (contract.hasImage) lines.push(`Successfully loaded ${image}`);
  if (contract.statusMessage !== null) lines.push(contract.statusMessage);
  return lines;
}

/** Only `ls`, `rm` and `du` pass, as in production; there is no file system behind them. */
function execute(exchange: Exchange): Answer {
  const { body, params, world, baseUrl } = exchange;
  if (findOwn(exchange, params.id) === null) return noSuchInstance(params.id);
  const { command } = body;
  if (typeof command !== 'string' || command.length > 512 || !/^(ls|rm|du)(\s|$)/.test(command)) {
    return refusal(400, 'invalid_args', 'command must be ls, rm or du, of at most 512 characters');
  }
  const name = world.logObjects.upload('', world.now());
  return success({ result_url: `${baseUrl}/_objects/${name}.log`, writeable_path: '/workspace' });
}
