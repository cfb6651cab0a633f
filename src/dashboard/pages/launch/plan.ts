import { useEffect, useRef, useState } from 'preact/hooks';
import type { PlanAnswer } from '../../../admin/answers.ts';
import { ApiProblem, call } from '../../api.ts';
import type { TierOfPlan } from './launch-form.ts';

/** Nobody reads a plan while typing. */
const SETTLE_MS = 400;
/** Offers come and go. */
const EVERY_MS = 30_000;
const DEADLINE_MS = 60_000;

export type Plan = {
  /** The last good one; it stays while a new one is made. */
  readonly data: PlanAnswer | null;
  readonly problem: ApiProblem | null;
  readonly isLoading: boolean;
  /** All tiers there are, as the first plan told them. */
  readonly tiers: readonly TierOfPlan[];
  refresh(): void;
};

/** A dry run of the launch, made again when what is asked for has changed, and every half minute. */
export function usePlan(body: Readonly<Record<string, unknown>>): Plan {
  const [data, setData] = useState<PlanAnswer | null>(null);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const [isLoading, setIsLoading] = useState(true);
  const [turn, setTurn] = useState(0);
  const tiers = useRef<readonly TierOfPlan[]>([]);
  const asked = JSON.stringify(body);

  useEffect(() => {
    const abort = new AbortController();
    const read = async () => {
      setIsLoading(true);
      try {
        const plan = await call<PlanAnswer>('/api/admin/plan', {
          method: 'POST',
          body: JSON.parse(asked),
          signal: abort.signal,
          deadlineMs: DEADLINE_MS,
        });
        if (tiers.current.length === 0) tiers.current = plan.tiers.map(tierOf);
        setData(plan);
        setProblem(null);
      } catch (error) {
        if (abort.signal.aborted) return;
        setProblem(error instanceof ApiProblem ? error : new ApiProblem(0, { detail: String(error) }));
      }
      setIsLoading(false);
    };
    const first = setTimeout(read, turn === 0 ? 0 : SETTLE_MS);
    const again = setInterval(read, EVERY_MS);
    return () => {
      clearTimeout(first);
      clearInterval(again);
      abort.abort();
    };
  }, [asked, turn]);

  return { data, problem, isLoading, tiers: tiers.current, refresh: () => setTurn((before) => before + 1) };
}

function tierOf({
  name,
  gpu_names,
  vram_gb,
  usd_per_hour_max,
  priority,
  use_case,
}: PlanAnswer['tiers'][number]) {
  return { name, gpu_names, vram_gb, usd_per_hour_max, priority, use_case };
}
