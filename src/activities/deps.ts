import type { Client } from '@temporalio/client';
import type { Archive } from '../archive/archive.ts';
import type { Authority } from '../certificates.ts';
import type { ScoreWeights } from '../domain/ranking.ts';
import type { Installation } from '../installation.ts';
import type { VastClient } from '../vast/client.ts';
import type { DestroyBoard } from './destroy-board.ts';
import type { InstanceBoard } from './instance-board.ts';
import type { LedgerCaller } from './ledger-caller.ts';
import type { OfferBoard } from './offer-board.ts';
import type { PastBooks } from './past-books.ts';
import type { NotificationAddresses } from './post-notification.ts';
import type { SampleLog } from './sample-log.ts';

/** `blind`: it was our own side that could not look. */
export type LookResult = 'ok' | 'failed' | 'blind';

/** What activities are bound to: the outside world, once per worker process. */
export type Deps = {
  readonly vast: VastClient;
  /** Base URL of the market, which an instance's guard calls too. */
  readonly marketUrl: string;
  readonly instances: InstanceBoard;
  readonly destroys: DestroyBoard;
  readonly offers: OfferBoard;
  readonly ledger: LedgerCaller;
  readonly past: Pick<PastBooks, 'charges'>;
  readonly temporal: Client;
  readonly archive: Archive;
  readonly samples: Pick<SampleLog, 'note'>;
  readonly installation: Pick<Installation, 'owner' | 'instanceKey'>;
  /** Vouches for instances: makes their certificates, and says whom to trust at their addresses. */
  readonly authority: Pick<Authority, 'issue' | 'pinOf'>;
  /** Go into the create call only; never into a workflow. */
  readonly secrets: { readonly hfToken?: string | undefined; readonly imageLogin?: string | undefined };
  readonly notifications: NotificationAddresses;
  readonly scoreWeights?: ScoreWeights | undefined;
  /** When this process last heard from Temporal, epoch ms: supervision renews nothing without it. */
  readonly temporalHeardAtMs: () => number;
  /** Told of each look of supervision at a READY model. */
  readonly noteLook: (result: LookResult) => void;
};
