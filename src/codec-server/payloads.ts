import type { Payload } from '@temporalio/common';
import { z } from 'zod';

/** What one call may bring; the Web UI asks for an event at a time, the command line for a page of history. */
export const PAYLOADS_MAX = 5_000;

/** Linear in its length, whatever is sent: a group that repeats would run out of stack on megabytes. */
const bytes = z
  .string()
  .refine((text) => !/[^A-Za-z0-9+/_=-]/.test(text), 'base64')
  .transform((text) => Buffer.from(text, 'base64'));

/**
 * The body of a remote codec's calls: payloads as protobuf's JSON has them. Fields that a later version of Temporal
 * adds are passed over.
 */
export const payloadsBody = z.object({
  payloads: z
    .array(
      z.object({
        metadata: z.record(z.string(), bytes).nullish(),
        data: bytes.nullish(),
      }),
    )
    .max(PAYLOADS_MAX)
    // The command line asks for events without any payload as well, and leaves the empty list out.
    .nullish(),
});

/** As a codec takes them; what is not there is empty. */
export function toPayloads({ payloads }: z.output<typeof payloadsBody>): Payload[] {
  return (payloads ?? []).map(({ metadata, data }) => ({
    metadata: metadata ?? {},
    data: data ?? Buffer.alloc(0),
  }));
}

/** As protobuf's JSON has them. */
export function fromPayloads(payloads: readonly Payload[]): { payloads: object[] } {
  return {
    payloads: payloads.map(({ metadata, data }) => ({
      metadata: Object.fromEntries(
        Object.entries(metadata ?? {}).map(([name, value]) => [name, toBase64(value)]),
      ),
      data: toBase64(data ?? new Uint8Array()),
    })),
  };
}

function toBase64(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
}
