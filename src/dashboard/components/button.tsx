import type { ComponentChildren } from 'preact';
import { Icon, type IconName } from './icon.tsx';

type ButtonProps = {
  readonly children: ComponentChildren;
  readonly kind?: 'plain' | 'primary' | 'danger' | 'quiet';
  readonly icon?: IconName;
  readonly type?: 'button' | 'submit';
  readonly isBusy?: boolean;
  readonly disabled?: boolean;
  /** Its name where several of the same text stand on a page. */
  readonly label?: string | undefined;
  /** What it does where its text does not say. */
  readonly title?: string | undefined;
  /** Why it cannot be pressed. It stays in reach of the keyboard, so that everybody can learn why. */
  readonly whyNot?: string | undefined;
  readonly onClick?: () => void;
};

/** Busy, it keeps its width and its focus, and cannot be pressed twice. */
export function Button({
  children,
  kind = 'plain',
  icon,
  type = 'button',
  isBusy = false,
  ...rest
}: ButtonProps) {
  const { onClick, disabled = false, title, whyNot, label } = rest;
  const isIdle = isBusy || whyNot !== undefined;
  return (
    <button
      type={whyNot === undefined ? type : 'button'}
      class={`button button-${kind}`}
      aria-busy={isBusy}
      disabled={disabled}
      aria-label={label}
      aria-disabled={whyNot !== undefined}
      aria-description={whyNot}
      title={whyNot ?? title}
      onClick={isIdle ? undefined : onClick}
    >
      {icon !== undefined && <Icon name={icon} />}
      <span>{children}</span>
    </button>
  );
}
