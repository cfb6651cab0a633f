import type { FastifyHelmetOptions } from '@fastify/helmet';

const OWN = ["'self'"];
const NOBODY = ["'none'"];

/** Pages run nothing and show nothing but what this server sends, and are shown in nobody's frame. */
export const SECURITY_HEADERS: FastifyHelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: NOBODY,
      scriptSrc: OWN,
      styleSrc: OWN,
      connectSrc: OWN,
      imgSrc: [...OWN, 'data:'],
      fontSrc: OWN,
      manifestSrc: OWN,
      baseUri: NOBODY,
      formAction: OWN,
      frameAncestors: NOBODY,
    },
  },
  frameguard: { action: 'deny' },
  // We speak plain HTTP: whoever puts TLS before us decides it, for all that lives under the name.
  strictTransportSecurity: false,
};
