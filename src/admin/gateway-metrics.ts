import { Gauge, type Registry } from 'prom-client';
import type { BreakerState } from '../gateway/breaker.ts';
import type { ProviderDesk } from './providers.ts';

const STATES: readonly BreakerState[] = ['closed', 'half-open', 'open'];

/** What the gateway knows of its targets now. Of a provider's sessions only their number is told. */
export function measureTargets(registry: Registry, gateway: Pick<ProviderDesk, 'providers'>): void {
  const configured = () => gateway.providers().filter(({ isConfigured }) => isConfigured);
  new Gauge({
    name: 'leash_gateway_targets',
    help: 'Where requests can be sent, by provider and the state of the breaker; a READY session is a target',
    labelNames: ['provider', 'breaker'] as const,
    registers: [registry],
    collect() {
      this.reset();
      for (const { provider, targets } of configured())
        for (const state of STATES)
          this.set({ provider, breaker: state }, targets.filter(({ breaker }) => breaker === state).length);
    },
  });
  new Gauge({
    name: 'leash_gateway_in_flight',
    help: 'Requests that are under way at a provider now',
    labelNames: ['provider'] as const,
    registers: [registry],
    collect() {
      this.reset();
      for (const { provider, targets } of configured())
        this.set(
          { provider },
          targets.reduce((total, { inFlight }) => total + inFlight, 0),
        );
    },
  });
}
