import { X509Certificate } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import {
  AUTHORITY_YEARS,
  findAuthority,
  type InstanceCertificate,
  openAuthority,
  type Pin,
  RENEWED_BEFORE_END_MS,
  serverNameOf,
} from '../src/certificates.ts';
import { askModels, type ModelsAnswer } from '../src/vllm/probe.ts';
import { listenVllm } from './vllm/listening.ts';

const DAY_MS = 86_400_000;
const EXPIRY_SEC = Math.floor(Date.now() / 1_000) + 3 * 86_400;
const LABEL = `leash.aaaaaaaaaa.default.bbbbbbbbbb.1.x${EXPIRY_SEC}`;
const OTHER_LABEL = LABEL.replace('.1.', '.2.');

const homes: string[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) rmSync(home, { recursive: true, force: true });
});

describe('the authority of an installation', () => {
  test('it is made once, and its key is for its owner alone', async () => {
    const home = aHome();
    const first = await openAuthority({ home, issues: true });
    const second = await openAuthority({ home, issues: true });
    expect(second.pinOf(LABEL)).toEqual(first.pinOf(LABEL));
    expect(statSync(join(home, 'ca', 'ca-key.pem')).mode & 0o777).toBe(0o600);
    expect(statSync(join(home, 'ca')).mode & 0o777).toBe(0o700);
    const years = (first.expiresAtMs - Date.now()) / (365 * DAY_MS);
    expect(years).toBeCloseTo(AUTHORITY_YEARS, 1);
  });

  test('of many that open a new home at once, all hold the same key, and each trusts what another issues', async () => {
    const home = aHome();
    const all = await Promise.all(Array.from({ length: 8 }, () => openAuthority({ home, issues: true })));
    const issued = await Promise.all(all.map((authority) => authority.issue(LABEL)));
    for (const { caPem } of all.map((authority) => authority.pinOf(LABEL)))
      for (const { certificatePem } of issued) expect(isSignedBy(certificatePem, caPem)).toBe(true);
    expect(readdirSync(join(home, 'ca')).sort()).toEqual(['ca-cert.pem', 'ca-key.pem']);
  });

  test('near its end it is written anew, and those who hold either certificate trust what both vouched for', async () => {
    const home = aHome();
    const longAgoMs = Date.now() - AUTHORITY_YEARS * 365 * DAY_MS + RENEWED_BEFORE_END_MS - DAY_MS;
    const old = await openAuthority({ home, issues: true, nowMs: longAgoMs });
    const issuedBefore = await old.issue(LABEL);
    const renewed = await openAuthority({ home, issues: true });
    expect(renewed.expiresAtMs - Date.now()).toBeGreaterThan(9 * 365 * DAY_MS);
    const issuedAfter = await renewed.issue(LABEL);
    await expectTrusted(issuedBefore, renewed.pinOf(LABEL));
    await expectTrusted(issuedAfter, old.pinOf(LABEL));
    await expectTrusted(issuedAfter, renewed.pinOf(LABEL));
  });

  test('long before its end it stays as it is', async () => {
    const home = aHome();
    const soonMs = Date.now() - AUTHORITY_YEARS * 365 * DAY_MS + RENEWED_BEFORE_END_MS + DAY_MS;
    const { expiresAtMs } = await openAuthority({ home, issues: true, nowMs: soonMs });
    expect((await openAuthority({ home, issues: true })).expiresAtMs).toBe(expiresAtMs);
  });

  test('whoever only checks needs the certificate alone, and can make none', async () => {
    const home = aHome();
    const full = await openAuthority({ home, issues: true });
    const caDir = join(aHome(), 'shown');
    cpSync(join(home, 'ca', 'ca-cert.pem'), join(caDir, 'ca-cert.pem'));
    const checking = await openAuthority({ home: aHome(), caDir, issues: false });
    await expectTrusted(await full.issue(LABEL), checking.pinOf(LABEL));
    await expect(checking.issue(LABEL)).rejects.toThrow(/cannot make certificates/);
    await expect(openAuthority({ home: aHome(), caDir, issues: true })).rejects.toThrow(
      /ca-key\.pem does not exist/,
    );
  });

  test.each<[what: string, damage: (directory: string) => void, says: RegExp]>([
    ['a key cut short', (dir) => writeFileSync(join(dir, 'ca-key.pem'), '-----BEGIN'), /no private key/],
    ['an empty certificate', (dir) => writeFileSync(join(dir, 'ca-cert.pem'), ''), /no certificate/],
    ['a lost key', (dir) => rmSync(join(dir, 'ca-key.pem')), /ca-key\.pem does not exist/],
  ])('%s stops the start with what to do, and is not replaced', async (_what, damage, says) => {
    const home = aHome();
    await openAuthority({ home, issues: true });
    damage(join(home, 'ca'));
    const before = contentOf(join(home, 'ca'));
    await expect(openAuthority({ home, issues: true })).rejects.toThrow(says);
    await expect(openAuthority({ home, issues: true })).rejects.toThrow(/Restore the directory/);
    expect(contentOf(join(home, 'ca'))).toEqual(before);
  });

  test('the key of another authority beside the certificate stops the start', async () => {
    const [home, other] = [aHome(), aHome()];
    await openAuthority({ home, issues: true });
    await openAuthority({ home: other, issues: true });
    cpSync(join(other, 'ca', 'ca-key.pem'), join(home, 'ca', 'ca-key.pem'));
    await expect(openAuthority({ home, issues: true })).rejects.toThrow(/not of one pair/);
  });

  test('a lost certificate is written anew from its key', async () => {
    const home = aHome();
    const before = await openAuthority({ home, issues: true });
    const issued = await before.issue(LABEL);
    rmSync(join(home, 'ca', 'ca-cert.pem'));
    await expectTrusted(issued, (await openAuthority({ home, issues: true })).pinOf(LABEL));
  });

  test('processes with homes of their own share the one in the directory that is named to both', async () => {
    const caDir = aHome();
    const [server, worker] = await Promise.all([
      openAuthority({ home: aHome(), caDir, issues: false }),
      openAuthority({ home: aHome(), caDir, issues: true }),
    ]);
    await expectTrusted(await worker.issue(LABEL), server.pinOf(LABEL));
  });

  test('a directory that is named must exist: a path mistyped for one process would make two of them', async () => {
    const caDir = join(aHome(), 'mistyped');
    await expect(openAuthority({ home: aHome(), caDir, issues: true })).rejects.toThrow(
      /LEASH_CA_DIR names it, and it does not exist/,
    );
    expect(existsSync(caDir)).toBe(false);
  });

  test('a directory that cannot be written keeps its certificate for as long as that holds', async () => {
    const home = aHome();
    const longAgoMs = Date.now() - AUTHORITY_YEARS * 365 * DAY_MS + DAY_MS;
    const { expiresAtMs } = await openAuthority({ home, issues: true, nowMs: longAgoMs });
    chmodSync(join(home, 'ca'), 0o500);
    const isRoot = process.getuid?.() === 0;
    const opened = await openAuthority({ home, issues: true });
    chmodSync(join(home, 'ca'), 0o700);
    if (!isRoot) expect(opened.expiresAtMs).toBe(expiresAtMs);
    expect(opened.expiresAtMs).toBeGreaterThan(Date.now());
  });

  test('a look makes none', async () => {
    const home = aHome();
    expect(findAuthority({ home })).toBeNull();
    expect(readdirSync(home)).toEqual([]);
    const { expiresAtMs } = await openAuthority({ home, issues: true });
    expect(findAuthority({ home })).toMatchObject({ expiresAtMs, hasKey: true });
  });
});

describe('the certificate of an instance', () => {
  test('it names the hash of the label, and holds from before now to beyond the label', async () => {
    const { certificatePem } = await (await openAuthority({ home: aHome(), issues: true })).issue(LABEL);
    const certificate = new X509Certificate(certificatePem);
    expect(certificate.subjectAltName).toBe(`DNS:${serverNameOf(LABEL)}`);
    expect(serverNameOf(LABEL)).toMatch(/^[0-9a-f]{32}\.leash\.internal$/);
    expect(certificate.toString()).not.toContain('aaaaaaaaaa');
    expect(certificate.validFromDate.getTime()).toBeLessThan(Date.now() - 60_000);
    expect(certificate.validToDate.getTime()).toBeGreaterThan(EXPIRY_SEC * 1_000);
    expect(certificate.ca).toBe(false);
  });

  test('each create has a key pair of its own', async () => {
    const authority = await openAuthority({ home: aHome(), issues: true });
    const [one, other] = [await authority.issue(LABEL), await authority.issue(LABEL)];
    expect(one.keyPem).not.toBe(other.keyPem);
    expect(new X509Certificate(one.certificatePem).serialNumber).not.toBe(
      new X509Certificate(other.certificatePem).serialNumber,
    );
  });

  test('it is trusted for its own instance only', async () => {
    const authority = await openAuthority({ home: aHome(), issues: true });
    const issued = await authority.issue(LABEL);
    await expectTrusted(issued, authority.pinOf(LABEL));
    expect(await look(issued, authority.pinOf(OTHER_LABEL))).toMatchObject({ isUntrusted: true });
  });
});

function aHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'leash-authority-'));
  homes.push(home);
  return home;
}

async function expectTrusted(issued: InstanceCertificate, pin: Pin): Promise<void> {
  expect(await look(issued, pin)).toEqual({ kind: 'models', ids: ['tiny'] });
}

/** What a probe that trusts `pin` makes of a server with this certificate. */
async function look(
  { certificatePem: cert, keyPem: key }: InstanceCertificate,
  pin: Pin,
): Promise<ModelsAnswer> {
  await using vllm = await listenVllm({ tls: { cert, key } });
  return await askModels(vllm.endpoint, 'key', { timeoutMs: 5_000, tls: pin });
}

function contentOf(directory: string): string[][] {
  return readdirSync(directory)
    .sort()
    .map((name) => [name, readFileSync(join(directory, name), 'utf8')]);
}

function isSignedBy(certificatePem: string, caPem: string): boolean {
  return new X509Certificate(certificatePem).verify(new X509Certificate(caPem).publicKey);
}
