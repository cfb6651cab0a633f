import type { ProviderAnswer, ProvidersAnswer } from '../../../admin/answers.ts';
import { Chip, type Tone } from '../../components/chip.tsx';

/** Where the gateway sends a request now, and who would be next. */
export function ProvidersNow({ providers }: { providers: ProvidersAnswer }) {
  const { items, active, switched_to } = providers;
  return (
    <div class="stack-tight">
      <p>
        {active === null ? (
          'Nobody: a request is refused until a session is READY or another provider is configured.'
        ) : (
          <>
            Requests go to <strong>{nameOf(active)}</strong>
            {switched_to.provider === null ? ', by the configured order.' : ', as you switched it.'}
          </>
        )}
      </p>
      <ul class="lines">
        {items.map((provider) => (
          <li key={provider.provider} class="row row-between">
            <span>{nameOf(provider.provider)}</span>
            <span class="row">
              {provider.latency_ms.p50 !== null && (
                <span class="quiet small num" title="Median time to the first byte">
                  {Math.round(provider.latency_ms.p50)} ms
                </span>
              )}
              <ProviderChip provider={provider} />
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}

function ProviderChip({ provider }: { provider: ProviderAnswer }) {
  const [tone, says] = standing(provider);
  return <Chip tone={tone}>{says}</Chip>;
}

function standing({ active, configured, healthy, provider }: ProviderAnswer): [Tone, string] {
  if (active) return ['good', 'Answers now'];
  if (!configured) return ['idle', 'Not configured'];
  if (healthy) return ['idle', 'Standing by'];
  return provider === 'vastai' ? ['idle', 'No session READY'] : ['bad', 'Does not answer'];
}

const NAMES: Record<string, string> = { modal: 'Modal', vastai: 'Vast.ai', anthropic: 'Anthropic' };

function nameOf(provider: string): string {
  return NAMES[provider] ?? provider;
}
