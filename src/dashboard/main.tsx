import { render } from 'preact';
import { App } from './app.tsx';
import './theme.ts';
import './theme.css';
import './base.css';
import './components/components.css';
import './pages/pages.css';
import './components/session.css';
import './pages/launch/launch.css';

const root = document.getElementById('app');
if (root !== null) render(<App />, root);
