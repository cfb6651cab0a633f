import { createPrivateKey, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
// The container inside the certificates' library asks for it before it loads.
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

export type AuthorityState = { readonly keyPem: string; readonly certificatePem: string };

/** The root that clients of the serverless side trust, and that vouches for workers which speak TLS. */
export class CertificateAuthority {
  #state: AuthorityState | null;
  #making: Promise<AuthorityState> | null = null;

  constructor(state?: AuthorityState | null) {
    this.#state = state ?? null;
  }

  state(): AuthorityState | null {
    return this.#state;
  }

  async rootPem(): Promise<string> {
    return (await this.#open()).certificatePem;
  }

  /** A certificate for what asks for one, at the address where callers reach it. Null: not a request for one. */
  async sign(requestPem: string, address: string): Promise<string | null> {
    const asked = readRequest(requestPem);
    if (asked === null || !(await asked.verify())) return null;
    const { keyPem, certificatePem } = await this.#open();
    const root = new x509.X509Certificate(certificatePem);
    const certificate = await x509.X509CertificateGenerator.create({
      subject: asked.subject,
      issuer: root.subject,
      ...validity(),
      publicKey: await asked.publicKey.export(),
      signingKey: await importKey(keyPem),
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([{ type: isIP(address) ? 'ip' : 'dns', value: address }]),
      ],
    });
    return certificate.toString('pem');
  }

  /** Made at the first use, and once: most markets have no worker that speaks TLS. */
  async #open(): Promise<AuthorityState> {
    this.#making ??= this.#state === null ? makeRoot() : Promise.resolve(this.#state);
    this.#state = await this.#making;
    return this.#state;
  }
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;

function validity(): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + 3650 * DAY_MS) };
}

async function makeRoot(): Promise<AuthorityState> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=Simulated market root',
    ...validity(),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    keyPem: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'),
    certificatePem: certificate.toString('pem'),
  };
}

function readRequest(pem: string): x509.Pkcs10CertificateRequest | null {
  try {
    return new x509.Pkcs10CertificateRequest(pem);
  } catch {
    return null;
  }
}

function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
}
