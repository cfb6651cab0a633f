import { useState } from 'preact/hooks';
import { hasRunOut, signIn } from '../account.ts';
import { Mark } from '../app.tsx';
import { Button } from '../components/button.tsx';
import { Field } from '../components/field.tsx';
import { Note, ProblemNote } from '../components/states.tsx';
import { usePageTitle } from '../page-title.ts';
import { useAction } from '../resource.ts';

export function SignInPage() {
  usePageTitle('Sign in');
  const [token, setToken] = useState('');
  const entering = useAction(signIn);
  const submit = (event: Event) => {
    event.preventDefault();
    if (token.trim() !== '') void entering.run(token.trim());
  };
  return (
    <main class="sign-in">
      <form class="card sign-in-card" onSubmit={submit}>
        <div class="brand">
          <Mark />
          Leash
        </div>
        <h1>Sign in</h1>
        {hasRunOut.value && <Note>Your sign-in has run out, or the token was changed. Sign in again.</Note>}
        <Field
          label="Admin token"
          hint={
            <>
              ADMIN_TOKEN, or the file <code>.leash/admin-token</code> that the first start made.
            </>
          }
        >
          {(wiring) => (
            <input
              {...wiring}
              type="password"
              name="token"
              autocomplete="current-password"
              required
              value={token}
              onInput={(event) => setToken(event.currentTarget.value)}
            />
          )}
        </Field>
        {entering.problem !== null && <ProblemNote problem={entering.problem} />}
        <Button kind="primary" type="submit" isBusy={entering.isRunning}>
          Sign in
        </Button>
      </form>
    </main>
  );
}
