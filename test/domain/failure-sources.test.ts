/** The failure table against everything that is documented to go wrong: nothing of it is unknown here. */
import { describe, expect, test } from 'vitest';
import {
  classifyCreateRefusal,
  classifyInstanceState,
  classifyStatusMessage,
  classifyVllmLog,
  failureOf,
} from '../../src/domain/failure.ts';
import {
  CREATE_REFUSALS,
  type Documented,
  FOUND_OUT,
  INSTANCE_STATES,
  STATUS_MESSAGES,
  VLLM_LINES,
} from './failure-sources.ts';

test.each(CREATE_REFUSALS)('a create answered $status $code "$said" is $kind', ({ status, code, ...row }) => {
  // As the market's client names an answer that brings no code.
  expectAs(row, classifyCreateRefusal({ code: code ?? `http-${status}`, message: row.said }));
});

test.each(STATUS_MESSAGES)('an instance that says "$said" is $kind', (row) => {
  expectAs(row, classifyStatusMessage(row.said));
  expectAs(row, classifyStatusMessage(row.said.toLowerCase()));
});

test.each(VLLM_LINES)('vLLM’s "$said" is $kind', (row) => {
  expectAs(row, classifyVllmLog(['INFO 11-22 10:00:00 [utils.py:261]', `ERROR 11-22 10:00:01 ${row.said}`]));
});

test.each(INSTANCE_STATES)('a row that shows: $said is $kind', (row) => {
  const nowMs = Date.parse('2026-10-01T12:00:00Z');
  expectAs(
    row,
    classifyInstanceState(
      {
        actualStatus: row.actual,
        intendedStatus: row.intended,
        statusMessage: null,
        isBid: row.isBid === true,
        endsAtMs: row.hasListingEnded === true ? nowMs - 1 : nowMs + 86_400_000,
      },
      nowMs,
    ),
  );
});

test.each(FOUND_OUT)('found out: $said is $kind', (row) => {
  expectAs(row, failureOf(row.kind));
});

describe('whose it is decides what follows', () => {
  const documented = [
    ...CREATE_REFUSALS,
    ...STATUS_MESSAGES,
    ...VLLM_LINES,
    ...INSTANCE_STATES,
    ...FOUND_OUT,
  ];
  const kinds = [...new Set(documented.flatMap(({ kind }) => kind ?? []))];

  test.each(kinds)('%s', (kind) => {
    const { whose, stop, blockMachineMs, message } = failureOf(kind);
    expect(stop).toBe(whose === 'caller' || whose === 'account');
    expect(blockMachineMs > 0).toBe(whose === 'host');
    expect(message).toMatch(/\.$/);
  });
});

function expectAs({ kind, whose }: Documented, found: { kind: string; whose: string } | null): void {
  if (kind === null) expect(found).toBeNull();
  else expect(found).toMatchObject({ kind, whose });
}
