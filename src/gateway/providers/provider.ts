import type { Candidate, Route, Target } from '../target.ts';
import type { Usage } from '../usage.ts';

/** One kind of place that answers requests. What it may be given is its own matter, whom to ask the router's. */
export type Provider = {
  readonly name: string;
  /** False where its settings are missing: it is shown, and never asked. */
  readonly isConfigured: boolean;
  /** Dollars per million tokens; null where that is not known. Of a GPU that is rented anyway nothing more is paid. */
  usdPerMillionTokens(model: string | null): number | null;
  /** What an answer is charged at; null where it is charged by the hour, or nobody knows. */
  usdOf(model: string, usage: Usage): number | null;
  /** Names of models that it serves now. */
  models(): readonly string[];
  /** Where a request for `model` may go (null: the provider's own default), with the model's name there. */
  candidates(model: string | null, route: Route): readonly Candidate[];
  /** Every target there is now. */
  targets(): readonly Target[];
  /** A target could not be connected to. */
  noteUnreachable(target: Target): void;
  close(): Promise<void>;
};
