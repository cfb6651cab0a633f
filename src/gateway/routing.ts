import type { ServingSession, Sessions } from '../client.ts';
import { noReadySession, unknownModel } from './errors.ts';

/** Counts the requests under way at each instance, and chooses where the next one goes. */
export type Router = {
  /**
   * The session for a request that names `model` (null: whichever is the default), other than those that
   * were tried. Throws a `Refusal`: `no_ready_session`, `model_not_found`.
   */
  choose(model: string | null, tried: ReadonlySet<ServingSession>): ServingSession;
  /** Counts one request until the answer is called. */
  begin(session: ServingSession): () => void;
};

export function makeRouter(sessions: Pick<Sessions, 'serving'>): Router {
  const outstanding = new Map<string, number>();
  const load = ({ label }: ServingSession) => outstanding.get(label) ?? 0;

  return {
    choose(model, tried) {
      const serving = sessions.serving();
      const wanted = model ?? defaultModel(serving);
      const ofModel = serving.filter((session) => session.model === wanted);
      // One that was served a moment ago is not unknown: asking again later makes sense.
      if (ofModel.length === 0 && model !== null && serving.length > 0 && tried.size === 0) {
        throw unknownModel(model, modelsOf(serving));
      }
      const labelsTried = new Set([...tried].map(({ label }) => label));
      const [best] = ofModel
        .filter(({ label }) => !labelsTried.has(label))
        .sort((a, b) => load(a) - load(b) || compareNames(a, b));
      if (best === undefined) throw noReadySession();
      return best;
    },

    begin(session) {
      outstanding.set(session.label, load(session) + 1);
      let isOpen = true;
      return () => {
        if (!isOpen) return;
        isOpen = false;
        const left = load(session) - 1;
        if (left > 0) outstanding.set(session.label, left);
        else outstanding.delete(session.label);
      };
    },
  };
}

/** Every model served now, once, in the order of the sessions' names. */
export function modelsOf(serving: readonly ServingSession[]): string[] {
  return [...new Set([...serving].sort(compareNames).map(({ model }) => model))];
}

/** That of the session `default`; where there is none, of the first by name: the same one each time. */
function defaultModel(serving: readonly ServingSession[]): string | undefined {
  const [first] = [...serving].sort(compareNames);
  return (serving.find(({ session }) => session === 'default') ?? first)?.model;
}

function compareNames(a: ServingSession, b: ServingSession): number {
  return a.session < b.session ? -1 : Number(a.session > b.session);
}
