/** A payload of Temporal as its API gives it; ours are plain JSON. */
export type Payload = { data?: Uint8Array | null } | null | undefined;
export type Timestamp = { seconds?: unknown; nanos?: number | null } | null | undefined;

/** Null for nothing, and for what is not JSON. */
export function decoded(payload: Payload): unknown {
  if (!payload?.data || payload.data.length === 0) return null;
  try {
    return JSON.parse(Buffer.from(payload.data).toString('utf8'));
  } catch {
    return null;
  }
}

export function millisOf(time: Timestamp): number | null {
  if (!time?.seconds) return null;
  return Number(time.seconds) * 1_000 + Math.floor((time.nanos ?? 0) / 1e6);
}
