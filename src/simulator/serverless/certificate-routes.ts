import type { Answer } from '../api/exchange.ts';
import { publicAddress } from '../containers.ts';
import type { World } from '../world.ts';

type Call = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly text: string;
};

/**
 * What TLS between callers and workers needs: the root that clients fetch, and the certificate that a worker's
 * start script asks for. Undefined for any other call. Neither takes a key, in the real service as here.
 */
export async function certificateAnswer(world: World, call: Call): Promise<Answer | undefined> {
  switch (`${call.method} ${call.path}`) {
    case 'GET /static/jvastai_root.cer':
      return pem(world, await world.serverless.authority.rootPem());
    case 'POST /api/v0/sign_cert':
      return signed(world, call);
    default:
      return undefined;
  }
}

async function signed(world: World, { query, text }: Call): Promise<Answer> {
  const id = Number(query.get('instance_id') ?? Number.NaN);
  const isKnown =
    world.contracts.find(id)?.destroyedAt === null ||
    world.serverless.workers.all().some((worker) => worker.id === id);
  if (!isKnown) return said(404, `there is no instance ${query.get('instance_id')}`);
  const certificate = await world.serverless.authority.sign(text, publicAddress(world.settings.host));
  return certificate === null ? said(400, 'the body is no certificate request') : pem(world, certificate);
}

/** The authority may just have been made: a restart must not make another. */
function pem(world: World, text: string): Answer {
  world.changed();
  return { status: 200, body: text, type: 'application/x-pem-file' };
}

function said(status: number, text: string): Answer {
  return { status, body: { success: false, error: 'invalid_args', msg: text } };
}
