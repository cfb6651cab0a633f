import { computed, signal } from '@preact/signals';
import type { SignInAnswer } from '../admin/answers.ts';
import { ApiProblem, call, whenSignedOut } from './api.ts';
import { listen, stopListening } from './live.ts';

/** Undefined: not known yet. Null: nobody is signed in. */
export const account = signal<SignInAnswer | null | undefined>(undefined);
/** Why nobody could be asked, while it is not known. */
export const reachProblem = signal<ApiProblem | null>(null);

/** Why the one who is signed in may change nothing; undefined where they may. */
export const whyNotAct = computed(() =>
  account.value?.role === 'viewer'
    ? 'You are signed in with the viewer token, which looks and changes nothing.'
    : undefined,
);
/** True once a sign-in has run out by itself, until the next. */
export const hasRunOut = signal(false);

const ASK_AGAIN_MS = 2_000;

whenSignedOut(() => {
  stopListening();
  hasRunOut.value = true;
  account.value = null;
});

/** Finds out whether the cookie still holds; asks again until the server can be reached. */
export async function restore(): Promise<void> {
  try {
    enter(await call<SignInAnswer>('/api/session'));
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 401) account.value = null;
    else {
      reachProblem.value = error instanceof ApiProblem ? error : new ApiProblem(0, { detail: String(error) });
      setTimeout(() => void restore(), ASK_AGAIN_MS);
    }
  }
}

/** Throws an `ApiProblem` when the token is wrong. */
export async function signIn(token: string): Promise<void> {
  enter(await call<SignInAnswer>('/api/session', { method: 'POST', body: { token } }));
}

export async function signOut(): Promise<void> {
  await call('/api/session', { method: 'DELETE' }).catch(() => undefined);
  stopListening();
  account.value = null;
}

function enter(found: SignInAnswer): void {
  reachProblem.value = null;
  hasRunOut.value = false;
  account.value = found;
  listen();
}
