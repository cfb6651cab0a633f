import { useEffect } from 'preact/hooks';

/** The tab’s title. */
export function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Leash`;
  }, [title]);
}
