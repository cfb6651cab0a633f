import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  webcrypto,
  X509Certificate,
} from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join, resolve } from 'node:path';
// The container inside the certificates' library asks for it before it loads.
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { parseLabel } from './domain/label.ts';
import { readOrMake, writeBeside } from './home-file.ts';

/** Whom to trust at the address of one instance: this authority, for this name, and nothing else. */
export type Pin = { readonly caPem: string; readonly serverName: string };

/** What an instance serves TLS with; the key goes into its create call and is kept nowhere. */
export type InstanceCertificate = { readonly certificatePem: string; readonly keyPem: string };

/**
 * The installation's own authority, which vouches for instances to the gateway and the probes.
 *
 * 1. An instance's certificate names the hash of its label, since its address is not known before the create.
 * 2. The key of the authority is made once, and never again where its certificate exists: a new one would
 *    make every open session's instance a stranger.
 * 3. A certificate of the authority that nears its end is written anew with the same key and name, so that
 *    what it vouched for stays vouched for, and processes that hold the older one agree until that one ends.
 */
export type Authority = {
  readonly directory: string;
  /** End of the certificate in use, epoch ms. */
  readonly expiresAtMs: number;
  pinOf(label: string): Pin;
  /** A new key pair, and its certificate to beyond the label's expiry. */
  issue(label: string): Promise<InstanceCertificate>;
};

export type AuthorityPlace = {
  readonly home: string;
  /** LEASH_CA_DIR, which must exist, and be the same for every process; left out, it is `<home>/ca`. */
  readonly caDir?: string | undefined;
  /** False for who only checks certificates: the key may then stay elsewhere. */
  readonly issues: boolean;
  /** Another time than now, for tests. */
  readonly nowMs?: number;
};

const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;
export const AUTHORITY_YEARS = 10;
/** No process runs so long without a start, at which the certificate is written anew. */
export const RENEWED_BEFORE_END_MS = 2 * YEAR_MS;
/** Clocks of worker and gateway may differ; hosts check nothing. */
const SKEW_MS = DAY_MS;

/** Opens the authority, making or renewing it. Throws a sentence when it is damaged or not where it should be. */
export async function openAuthority(place: AuthorityPlace): Promise<Authority> {
  const { home, caDir, issues, nowMs = Date.now() } = place;
  const files = filesIn(directoryOf({ home, caDir }));
  if (caDir !== undefined && !existsSync(files.directory))
    throw damaged(files, 'LEASH_CA_DIR names it, and it does not exist');
  await makeIfMissing(files, nowMs);
  const opened = await renewIfDue(read(files, { issues }), files, nowMs);
  if (opened.expiresAtMs <= nowMs) throw damaged(files, 'it has expired, and its key is not there');
  const { caPem, expiresAtMs, key } = opened;
  return {
    directory: files.directory,
    expiresAtMs,
    pinOf: (label) => ({ caPem, serverName: serverNameOf(label) }),
    issue: async (label) => {
      if (key === null)
        throw new Error(`${files.key} does not exist: this process cannot make certificates.`);
      return issueFor(label, key, place.nowMs ?? Date.now());
    },
  };
}

/** What a look finds, without making anything: null where there is none yet. Throws as `openAuthority` does. */
export function findAuthority(place: Pick<AuthorityPlace, 'home' | 'caDir'>): {
  readonly directory: string;
  readonly expiresAtMs: number;
  readonly fingerprint: string;
  readonly hasKey: boolean;
} | null {
  const files = filesIn(directoryOf(place));
  if (!existsSync(files.certificate) && !existsSync(files.key)) return null;
  const { caPem, key, expiresAtMs } = read(files, { issues: false });
  const { fingerprint256: fingerprint } = new X509Certificate(caPem);
  return { directory: files.directory, expiresAtMs, fingerprint, hasKey: key !== null };
}

/** The name in an instance's certificate. Its label is not to be read out of a handshake on the way. */
export function serverNameOf(label: string): string {
  return `${createHash('sha256').update(`instance-name:${label}`).digest('hex').slice(0, 32)}.leash.internal`;
}

type Files = { readonly directory: string; readonly key: string; readonly certificate: string };

type Opened = { readonly caPem: string; readonly expiresAtMs: number; readonly key: KeyObject | null };

function directoryOf({ home, caDir }: Pick<AuthorityPlace, 'home' | 'caDir'>): string {
  return resolve(caDir ?? join(home, 'ca'));
}

function filesIn(directory: string): Files {
  return { directory, key: join(directory, 'ca-key.pem'), certificate: join(directory, 'ca-cert.pem') };
}

/** The key first: of two processes that make it one does, and each certificate of that key is as good. */
async function makeIfMissing(files: Files, nowMs: number): Promise<void> {
  if (existsSync(files.certificate)) return; // invariant 2
  mkdirSync(files.directory, { recursive: true, mode: 0o700 });
  const made = existsSync(files.key) ? '' : (await makeKeyPair()).keyPem;
  const key = parseKey(
    readOrMake(files.key, () => made),
    files,
  );
  const certificate = await certify(key, nowMs);
  readOrMake(files.certificate, () => certificate);
}

function read(files: Files, { issues }: { issues: boolean }): Opened {
  if (!existsSync(files.certificate)) throw damaged(files, `${files.certificate} does not exist`);
  const caPem = readFileSync(files.certificate, 'utf8');
  const certificate = parseCertificate(caPem, files);
  if (!existsSync(files.key)) {
    if (issues) throw damaged(files, `${files.key} does not exist`);
    return { caPem, expiresAtMs: certificate.validToDate.getTime(), key: null };
  }
  const key = parseKey(readFileSync(files.key, 'utf8'), files);
  if (!certificate.checkPrivateKey(key))
    throw damaged(files, 'its key and its certificate are not of one pair');
  return { caPem, expiresAtMs: certificate.validToDate.getTime(), key };
}

/** Invariant 3. A directory that cannot be written keeps the certificate it has for as long as that holds. */
async function renewIfDue(opened: Opened, files: Files, nowMs: number): Promise<Opened> {
  if (opened.key === null || opened.expiresAtMs - nowMs > RENEWED_BEFORE_END_MS) return opened;
  const renewed = await certify(opened.key, nowMs);
  try {
    renameSync(writeBeside(files.certificate, renewed), files.certificate);
  } catch (error) {
    if (opened.expiresAtMs > nowMs) return opened;
    throw error;
  }
  return read(files, { issues: true });
}

function parseKey(pem: string, files: Files): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw damaged(files, `${files.key} holds no private key`);
  }
}

function parseCertificate(pem: string, files: Files): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw damaged(files, `${files.certificate} holds no certificate`);
  }
}

function damaged({ directory }: Files, what: string): Error {
  return new Error(
    `The authority for instance certificates in ${directory} cannot be used: ${what}. Restore the directory from a backup, or copy it from the process that rents; with no session open, what is in it may be removed, and is made anew.`,
  );
}

const EC = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const;

async function makeKeyPair(): Promise<{ keyPem: string; publicKey: webcrypto.CryptoKey }> {
  const { privateKey, publicKey } = await webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']);
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', privateKey);
  return { keyPem: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'), publicKey };
}

/** The authority's own certificate; with the same key it always bears the same name. */
async function certify(key: KeyObject, nowMs: number): Promise<string> {
  const keys = toCryptoKeys(key);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: await nameOf(keys.publicKey),
    notBefore: new Date(nowMs - SKEW_MS),
    notAfter: new Date(nowMs + AUTHORITY_YEARS * YEAR_MS),
    keys,
    signingAlgorithm: SIGNING,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return certificate.toString('pem');
}

async function issueFor(label: string, key: KeyObject, nowMs: number): Promise<InstanceCertificate> {
  const { privateKey: signingKey, publicKey: issuerKey } = toCryptoKeys(key);
  const { keyPem, publicKey } = await makeKeyPair();
  const serverName = serverNameOf(label);
  const expiresAtMs = Math.max(nowMs, (parseLabel(label)?.expiresAtSec ?? 0) * 1_000) + SKEW_MS;
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [serverName] }],
    issuer: await nameOf(issuerKey),
    notBefore: new Date(nowMs - SKEW_MS),
    notAfter: new Date(expiresAtMs),
    publicKey,
    signingKey,
    signingAlgorithm: SIGNING,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: serverName }]),
      await x509.AuthorityKeyIdentifierExtension.create(issuerKey),
    ],
  });
  return { certificatePem: certificate.toString('pem'), keyPem };
}

async function nameOf(publicKey: webcrypto.CryptoKey): Promise<x509.JsonName> {
  const { keyId } = await x509.SubjectKeyIdentifierExtension.create(publicKey);
  return [{ CN: [`Leash instances ${keyId.slice(0, 16)}`] }];
}

function toCryptoKeys(key: KeyObject): webcrypto.CryptoKeyPair {
  return {
    privateKey: key.toCryptoKey(EC, false, ['sign']),
    publicKey: createPublicKey(key).toCryptoKey(EC, true, ['verify']),
  };
}
