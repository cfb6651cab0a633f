import type { ComponentChildren } from 'preact';

type CardProps = {
  readonly title?: ComponentChildren;
  /** At the right of the title. */
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
  readonly tone?: 'plain' | 'warn' | 'bad';
};

export function Card({ title, aside, children, tone = 'plain' }: CardProps) {
  return (
    <section class={`card card-${tone}`}>
      {(title !== undefined || aside !== undefined) && (
        <header class="card-head">
          {title !== undefined && <h2>{title}</h2>}
          {aside}
        </header>
      )}
      {children}
    </section>
  );
}

/** A name and a figure; several stand in a `<dl class="facts">`. */
export function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd class="num">{children}</dd>
    </div>
  );
}
