import { createHmac, timingSafeEqual } from 'node:crypto';

/** What a browser shows in place of the token it was signed in with. */
export type Role = 'admin' | 'viewer';
export type Ticket = { readonly role: Role; readonly expiresAtMs: number };

export const TICKET_COOKIE = 'leash_session';
export const TICKET_LIFE_MS = 12 * 3_600_000;

export type Tickets = {
  issue(role: Role, nowMs: number): { readonly value: string; readonly ticket: Ticket };
  /** Null for a ticket that was never issued, has run out, or stands for a token that is no longer. */
  read(value: string, nowMs: number): Ticket | null;
};

/**
 * Tickets are kept by nobody: each says its role and end, signed with a key made of its token. A changed token
 * ends them all, a restarted server none, and several servers of an installation know each other's.
 */
export function makeTickets(keys: Readonly<Partial<Record<Role, Buffer>>>): Tickets {
  const sign = (role: Role, expiresAtSec: number): string | null => {
    const key = keys[role];
    return key === undefined
      ? null
      : createHmac('sha256', key).update(`${role}.${expiresAtSec}`).digest('base64url');
  };
  return {
    issue(role, nowMs) {
      const expiresAtSec = Math.floor((nowMs + TICKET_LIFE_MS) / 1_000);
      return {
        value: `${role}.${expiresAtSec}.${sign(role, expiresAtSec)}`,
        ticket: { role, expiresAtMs: expiresAtSec * 1_000 },
      };
    },
    read(value, nowMs) {
      const parts = /^(admin|viewer)\.([0-9]{1,12})\.([\w-]{43})$/.exec(value);
      if (parts === null) return null;
      const [role, expiresAtSec, signature = ''] = [parts[1] as Role, Number(parts[2]), parts[3]];
      const expected = sign(role, expiresAtSec);
      if (expected === null || !timingSafeEqual(Buffer.from(signature), Buffer.from(expected))) return null;
      return expiresAtSec * 1_000 > nowMs ? { role, expiresAtMs: expiresAtSec * 1_000 } : null;
    },
  };
}
