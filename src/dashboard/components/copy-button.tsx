import { useState } from 'preact/hooks';
import { Button } from './button.tsx';

const SAID_MS = 2_000;

/** Copies `text`. Without TLS browsers give pages no clipboard: then it says to mark the text by hand. */
export function CopyButton({ text, what }: { text: string; what: string }) {
  const [said, setSaid] = useState<string | null>(null);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid('Copied');
    } catch {
      setSaid('Copy it by hand');
    }
    setTimeout(() => setSaid(null), SAID_MS);
  };
  return (
    <>
      <Button label={`Copy ${what}`} onClick={() => void copy()}>
        {said ?? 'Copy'}
      </Button>
      <span class="visually-hidden" aria-live="polite">
        {said ?? ''}
      </span>
    </>
  );
}
