import type { Sessions } from '../client.ts';
import type { SessionView } from '../domain/session.ts';
import type { StatusAnswer } from './answers.ts';
import { presentStatus } from './present.ts';
import type { ProviderDesk } from './providers.ts';

/** Presents a session with where the gateway sends its model's traffic at this moment. */
export function presenterOf({
  sessions,
  gateway,
}: {
  readonly sessions: Pick<Sessions, 'serving'>;
  readonly gateway: Pick<ProviderDesk, 'providerNow'>;
}): (view: SessionView) => StatusAnswer {
  return (view) => {
    const sentTo = gateway.providerNow(view.model) ?? gateway.providerNow(null);
    const isListed = sessions.serving().some(({ session }) => session === view.session);
    return presentStatus(view, {
      isServing: isListed && sentTo === 'vastai',
      elsewhere: sentTo === 'vastai' ? null : sentTo,
    });
  };
}
