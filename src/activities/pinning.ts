import type { Pin } from '../certificates.ts';
import type { Deps } from './deps.ts';

/** Whom a look at this instance trusts; at a plain address, as sessions without TLS have, there is nobody to. */
export function pinFor(
  deps: Pick<Deps, 'authority'>,
  { endpoint, label }: { readonly endpoint: string; readonly label?: string | undefined },
): { readonly tls?: Pin } {
  return endpoint.startsWith('https:') && label !== undefined ? { tls: deps.authority.pinOf(label) } : {};
}
