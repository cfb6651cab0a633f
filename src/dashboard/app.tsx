import { useEffect, useRef } from 'preact/hooks';
import { Link, Redirect, Route, Switch, useLocation } from 'wouter-preact';
import { account, reachProblem, restore, signOut } from './account.ts';
import { Alerts } from './components/alerts.tsx';
import { ConnectionChip, ConnectionNote } from './components/connection-note.tsx';
import { Icon, type IconName } from './components/icon.tsx';
import { SessionDialogs } from './components/session-actions.tsx';
import { Loading, ProblemNote } from './components/states.tsx';
import { CostsPage } from './pages/costs.tsx';
import { GuaranteesPage } from './pages/guarantees.tsx';
import { KeysPage } from './pages/keys.tsx';
import { LaunchPage } from './pages/launch.tsx';
import { MarketPage } from './pages/market.tsx';
import { OverviewPage } from './pages/overview.tsx';
import { PlaygroundPage } from './pages/playground.tsx';
import { SessionPage } from './pages/session.tsx';
import { SettingsPage } from './pages/settings.tsx';
import { SignInPage } from './pages/sign-in.tsx';

const LINKS: readonly { readonly to: string; readonly name: string; readonly icon: IconName }[] = [
  { to: '/', name: 'Overview', icon: 'overview' },
  { to: '/launch', name: 'Launch', icon: 'launch' },
  { to: '/market', name: 'Market', icon: 'market' },
  { to: '/costs', name: 'Costs', icon: 'costs' },
  { to: '/guarantees', name: 'Guarantees', icon: 'guarantees' },
  { to: '/playground', name: 'Playground', icon: 'playground' },
  { to: '/keys', name: 'API keys', icon: 'keys' },
  { to: '/settings', name: 'Settings', icon: 'settings' },
];

export function App() {
  useEffect(() => void restore(), []);
  if (account.value === undefined) return <Starting />;
  return account.value === null ? <SignInPage /> : <Frame />;
}

/** Before we know who is there. */
function Starting() {
  return (
    <main class="page">
      {reachProblem.value === null ? <Loading /> : <ProblemNote problem={reachProblem.value} />}
    </main>
  );
}

function Frame() {
  return (
    <div class="frame">
      <a class="skip" href="#content">
        Skip to content
      </a>
      <Side />
      <div>
        <ConnectionNote />
        <main class="page" id="content" tabIndex={-1}>
          <Alerts />
          <Pages />
        </main>
        <SessionDialogs />
      </div>
    </div>
  );
}

function Pages() {
  useArrival();
  return (
    <Switch>
      <Route path="/" component={OverviewPage} />
      <Route path="/sessions/:name">{({ name }) => <SessionPage key={name} name={name} />}</Route>
      <Route path="/launch" component={LaunchPage} />
      <Route path="/market" component={MarketPage} />
      <Route path="/costs" component={CostsPage} />
      <Route path="/guarantees" component={GuaranteesPage} />
      <Route path="/playground" component={PlaygroundPage} />
      <Route path="/keys" component={KeysPage} />
      <Route path="/settings" component={SettingsPage} />
      <Route>
        <Redirect to="/" replace />
      </Route>
    </Switch>
  );
}

/** A new page begins at its top, and with the focus in it: what has the focus says where one is. */
function useArrival(): void {
  const [path] = useLocation();
  const shown = useRef(path);
  useEffect(() => {
    if (shown.current === path) return;
    shown.current = path;
    scrollTo(0, 0);
    document.getElementById('content')?.focus({ preventScroll: true });
  }, [path]);
}

function Side() {
  const [path] = useLocation();
  const links = useRef<HTMLUListElement>(null);
  // On a phone they are a bar that scrolls.
  useEffect(() => {
    links.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }, [path]);
  const isHere = (to: string) => (to === '/' ? path === '/' || path.startsWith('/sessions/') : path === to);
  return (
    <header class="side">
      <Link class="brand" href="/">
        <Mark />
        Leash
      </Link>
      <nav aria-label="Pages">
        <ul class="links" ref={links}>
          {LINKS.map(({ to, name, icon }) => (
            <li key={to}>
              <Link href={to} aria-current={isHere(to) ? 'page' : undefined}>
                <Icon name={icon} />
                {name}
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      <SideEnd />
    </header>
  );
}

function SideEnd() {
  const here = account.value;
  return (
    <div class="side-end">
      <ConnectionChip />
      <p class="quiet">
        {here?.market === 'simulated'
          ? 'Simulated market: nothing here costs money.'
          : `Market: ${here?.market}`}
      </p>
      {here?.role === 'viewer' && <p class="quiet">Signed in to look only.</p>}
      <button type="button" class="button button-quiet" onClick={() => void signOut()}>
        Sign out
      </button>
    </div>
  );
}

export function Mark() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="#0b5cad" />
      <path d="M9 6v14a5 5 0 0 0 5 5h9" fill="none" stroke="#fff" stroke-width="3.5" stroke-linecap="round" />
      <circle cx="23" cy="11" r="4" fill="none" stroke="#fff" stroke-width="3" />
    </svg>
  );
}
