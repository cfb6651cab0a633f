import { createHmac, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { readTokenFile, TOKEN_LENGTH_MIN } from './access-tokens.ts';
import { readOrMake, writeBeside } from './home-file.ts';

/**
 * An installation is one owner id, one Temporal namespace and one account at one market. What makes it
 * itself lies in its home: the owner id in every label, and the secret its instance keys are derived from.
 */
export type Installation = {
  readonly home: string;
  readonly owner: string;
  /** The current one at the start: what is admitted later, AccessTokens knows. */
  readonly adminToken: string;
  /** True when the token was made by us and lies in `<home>/admin-token`. */
  readonly isAdminTokenGenerated: boolean;
  /** Whether this home has ever seen its ledger open: then a Temporal that knows none is the wrong one. */
  readonly hasKnownLedger: boolean;
  noteLedger(): void;
  /** The vLLM key of an instance: derived from the secret and its label, stored nowhere. */
  instanceKey(label: string): string;
  /** What signs the cookies that stand for `token`: another token, or another installation, signs otherwise. */
  cookieKey(token: string): Buffer;
};

type InstallationSettings = {
  home: string;
  owner?: string | undefined;
  secretFile?: string | undefined;
  adminToken?: string | undefined;
};

const identitySchema = z.object({
  owner: z.string().regex(/^[a-z0-9]{10}$/),
  knownLedger: z.boolean().default(false),
});

/** Opens the home, making what is missing in it. Files with secrets have mode 600. */
export function openInstallation(settings: InstallationSettings): Installation {
  const home = resolve(settings.home);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const identityFile = join(home, 'installation.json');
  const identity = readIdentity(identityFile, settings.owner);
  const secret = readSecret(settings.secretFile ?? join(home, 'secret'), settings.secretFile === undefined);
  const token = settings.adminToken ?? readToken(join(home, 'admin-token'));
  return {
    home,
    owner: identity.owner,
    adminToken: token,
    isAdminTokenGenerated: settings.adminToken === undefined,
    get hasKnownLedger() {
      return identity.knownLedger;
    },
    noteLedger() {
      if (identity.knownLedger) return;
      identity.knownLedger = true;
      // In one step: a crash in the middle must not cost the owner id.
      renameSync(writeBeside(identityFile, JSON.stringify(identity)), identityFile);
    },
    instanceKey: (label) =>
      `sk-leash-${createHmac('sha256', secret).update(`instance-key:${label}`).digest('base64url')}`,
    cookieKey: (token) => createHmac('sha256', secret).update(`cookie-key:${token}`).digest(),
  };
}

/** The settings that an installation is found by. */
type NamedInstallation = {
  readonly LEASH_HOME: string;
  readonly LEASH_OWNER?: string | undefined;
  readonly LEASH_SECRET_FILE?: string | undefined;
  readonly ADMIN_TOKEN?: string | undefined;
  readonly ADMIN_TOKEN_FILE?: string | undefined;
};

/** The installation that the settings name; `home` where it is not LEASH_HOME itself. */
export function openConfigured(config: NamedInstallation, home: string = config.LEASH_HOME): Installation {
  const { ADMIN_TOKEN_FILE: file } = config;
  return openInstallation({
    home,
    owner: config.LEASH_OWNER,
    secretFile: config.LEASH_SECRET_FILE,
    adminToken: file === undefined ? config.ADMIN_TOKEN : readTokenFile('ADMIN_TOKEN_FILE', file)[0],
  });
}

/** Compares secrets without telling by its time how much of them was right. */
export function isSameSecret(given: string, expected: string): boolean {
  const digest = (text: string) => createHmac('sha256', 'compare').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

type Identity = z.output<typeof identitySchema>;

function readIdentity(file: string, owner: string | undefined): Identity {
  const made = () => JSON.stringify({ owner: owner ?? makeOwner(), knownLedger: false });
  const parsed = identitySchema.safeParse(fromJson(readOrMake(file, made)));
  if (!parsed.success)
    throw new Error(
      `${file} is damaged. Restore it from a backup: its owner id is in the label of every instance rented from here.`,
    );
  if (owner !== undefined && owner !== parsed.data.owner) {
    throw new Error(
      `LEASH_OWNER is ${owner}, but the home ${file} belongs to owner ${parsed.data.owner}. Use another LEASH_HOME, or leave LEASH_OWNER out.`,
    );
  }
  return parsed.data;
}

/** Undefined, which no schema takes, for what is not JSON. */
function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function makeOwner(): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';
  return Array.from({ length: 10 }, () => alphabet[randomInt(alphabet.length)]).join('');
}

function readSecret(file: string, mayMake: boolean): string {
  if (!mayMake && !existsSync(file))
    throw new Error(`LEASH_SECRET_FILE names ${file}, which does not exist.`);
  const secret = readOrMake(file, () => randomBytes(32).toString('base64url'));
  if (secret.length < 32) throw new Error(`The secret in ${file} is shorter than 32 characters.`);
  return secret;
}

/** A file that was emptied must not become an empty token, which anybody has. */
function readToken(file: string): string {
  const token = readOrMake(file, () => randomBytes(24).toString('base64url'));
  if (token.length < TOKEN_LENGTH_MIN)
    throw new Error(
      `The admin token in ${file} is shorter than ${TOKEN_LENGTH_MIN} characters. Delete the file for a new one, or set ADMIN_TOKEN.`,
    );
  return token;
}
