import { hash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';

export type TokenRole = 'admin' | 'viewer';
/** Tokens that are admitted now, the current one first. */
export type TokensByRole = Readonly<Record<TokenRole, readonly string[]>>;

/** Where tokens come from: by role a file, or a token that stays as it is. */
export type TokenSettings = {
  readonly adminToken?: string | undefined;
  readonly adminFile?: string | undefined;
  readonly viewerToken?: string | undefined;
  readonly viewerFile?: string | undefined;
};

/** Files of tokens are wrong: everything that is, by setting and line. Tokens themselves are not repeated. */
export class AccessTokensError extends Error {
  constructor(problems: readonly string[]) {
    super(`Cannot use the access tokens:\n${problems.map((line) => `  ${line}`).join('\n')}`);
    this.name = 'AccessTokensError';
  }
}

/** The files are looked at again after so long: a token that changes needs no restart. */
const LOOK_AGAIN_MS = 1_000;
export const TOKEN_LENGTH_MIN = 8;
const TOKENS_MAX = 2;

/**
 * The tokens of the admin API, as ADMIN_TOKEN_FILE and VIEWER_TOKEN_FILE have them now.
 *
 * 1. What becomes wrong changes nothing: the tokens that were read last stay, of both roles, and the log says so once.
 * 2. No token has two roles: whoever only looks would hold every right.
 */
export class AccessTokens implements TokensByRole {
  readonly #settings: TokenSettings;
  readonly #logger: Pick<Logger, 'info' | 'error'> | undefined;
  #admitted: Admitted;
  #trouble: string | null = null;
  #lookedAtMs = performance.now();

  /** Throws an `AccessTokensError` for files that cannot be used. */
  constructor(settings: TokenSettings, logger?: Pick<Logger, 'info' | 'error'>) {
    this.#settings = settings;
    this.#logger = logger;
    this.#admitted = readAdmitted(settings);
  }

  get admin(): readonly string[] {
    return this.#now().admin;
  }

  get viewer(): readonly string[] {
    return this.#now().viewer;
  }

  /** Whose token it is, without telling by its time how much of it was right; null: nobody's. */
  roleOf(given: string): TokenRole | null {
    const digest = digestOf(given);
    const { digests } = this.#now();
    // Every one is compared, whichever fits.
    const fitting = digests.filter(({ digest: expected }) => timingSafeEqual(digest, expected));
    return fitting[0]?.role ?? null;
  }

  #now(): Admitted {
    if (performance.now() - this.#lookedAtMs >= LOOK_AGAIN_MS) this.#lookAgain();
    return this.#admitted;
  }

  #lookAgain(): void {
    const { adminFile, viewerFile } = this.#settings;
    if (adminFile === undefined && viewerFile === undefined) return;
    this.#lookedAtMs = performance.now();
    try {
      const read = readAdmitted(this.#settings);
      this.#trouble = null;
      if (isSame(read, this.#admitted)) return;
      this.#admitted = read;
      this.#logger?.info(
        { admin: read.admin.length, viewer: read.viewer.length },
        'access tokens were read anew',
      );
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (why !== this.#trouble) this.#logger?.error({ why }, 'access tokens stay as they were read last');
      this.#trouble = why;
    }
  }
}

/** The tokens in a file: the current one, and below it the one before, while it is still admitted. */
export function readTokenFile(name: 'ADMIN_TOKEN_FILE' | 'VIEWER_TOKEN_FILE', file: string): string[] {
  const problems: string[] = [];
  const tokens = tokensIn({ name, file }, problems);
  if (problems.length > 0) throw new AccessTokensError(problems);
  return tokens;
}

type Admitted = TokensByRole & { readonly digests: readonly { role: TokenRole; digest: Buffer }[] };

function readAdmitted(settings: TokenSettings): Admitted {
  const { adminToken, adminFile, viewerToken, viewerFile } = settings;
  const problems: string[] = [];
  const ofRole = (name: string, file: string | undefined, token: string | undefined) =>
    file === undefined ? [token].filter((one) => one !== undefined) : tokensIn({ name, file }, problems);
  const admin = ofRole('ADMIN_TOKEN_FILE', adminFile, adminToken);
  const viewer = ofRole('VIEWER_TOKEN_FILE', viewerFile, viewerToken);
  if (viewer.some((token) => admin.includes(token)))
    problems.push("a viewer's token is an admin token too: whoever only looks would hold every right");
  if (problems.length > 0) throw new AccessTokensError(problems);
  const digestsOf = (role: TokenRole, tokens: readonly string[]) =>
    tokens.map((token) => ({ role, digest: digestOf(token) }));
  return { admin, viewer, digests: [...digestsOf('admin', admin), ...digestsOf('viewer', viewer)] };
}

function tokensIn({ name, file }: { name: string; file: string }, problems: string[]): string[] {
  const where = `${name} (${file})`;
  const text = textOf(file);
  if (typeof text !== 'string') {
    problems.push(`${where}: it cannot be read (${text.code})`);
    return [];
  }
  const tokens = text
    .trimEnd()
    .split('\n')
    .map((line) => line.trim());
  if (tokens.length > TOKENS_MAX) {
    problems.push(
      `${where}: it has ${tokens.length} lines; the first is the current token, a second the one before it`,
    );
    return [];
  }
  for (const [at, token] of tokens.entries()) {
    const line = `${where}, line ${at + 1}`;
    if (token.length < TOKEN_LENGTH_MIN)
      problems.push(`${line}: a token has at least ${TOKEN_LENGTH_MIN} characters`);
    else if (!/^[\x21-\x7e]+$/.test(token))
      problems.push(`${line}: a token is of letters, digits and signs of ASCII, without spaces`);
  }
  if (new Set(tokens).size < tokens.length) problems.push(`${where}: both lines are the same`);
  return tokens;
}

function textOf(file: string): string | { code: string } {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    return { code: (error as NodeJS.ErrnoException).code ?? 'unknown' };
  }
}

function isSame(one: TokensByRole, other: TokensByRole): boolean {
  return [...one.admin, '', ...one.viewer].join('\n') === [...other.admin, '', ...other.viewer].join('\n');
}

function digestOf(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}
