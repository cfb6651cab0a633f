import { usePageTitle } from '../page-title.ts';

export function SessionPage({ name }: { name: string }) {
  usePageTitle(name);
  return (
    <div class="page-head">
      <h1>{name}</h1>
    </div>
  );
}
