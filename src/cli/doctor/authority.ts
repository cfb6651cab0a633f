import { findAuthority, RENEWED_BEFORE_END_MS } from '../../certificates.ts';
import { broken, type Check, fine, reason, warning } from './check.ts';

const NAME = 'instance TLS';

/** The authority that vouches for instances: there, whole, and how long it holds. Makes none. */
export function checkAuthority(place: {
  home: string;
  caDir?: string | undefined;
  isOn: boolean;
  nowMs?: number;
}): Check {
  const { isOn, nowMs = Date.now() } = place;
  try {
    const found = findAuthority(place);
    if (found === null) return fine(NAME, 'No authority yet: it is made at the first start.');
    const { directory, expiresAtMs, hasKey } = found;
    const until = new Date(expiresAtMs).toISOString().slice(0, 10);
    const says = `${directory}${hasKey ? '' : ', without its key'}, valid until ${until}`;
    if (expiresAtMs <= nowMs && !hasKey)
      return broken(
        NAME,
        says,
        'It has expired: copy ca-cert.pem anew from a worker that was started since.',
      );
    if (expiresAtMs - nowMs < RENEWED_BEFORE_END_MS)
      return warning(
        NAME,
        says,
        hasKey
          ? 'It is renewed at the next start of a worker.'
          : 'Copy ca-cert.pem anew from a worker that was started since.',
      );
    if (!isOn)
      return warning(
        NAME,
        'LEASH_INSTANCE_TLS is off: new sessions speak plain HTTP.',
        'Leave it out, unless the image cannot serve TLS.',
      );
    return fine(NAME, says);
  } catch (error) {
    return broken(NAME, reason(error), 'docs/instance-tls.md says what to do.');
  }
}
