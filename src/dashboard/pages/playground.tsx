import { usePageTitle } from '../page-title.ts';

export function PlaygroundPage() {
  usePageTitle('Playground');
  return (
    <div class="page-head">
      <h1>Playground</h1>
    </div>
  );
}
