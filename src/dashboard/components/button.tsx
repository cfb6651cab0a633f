import type { ComponentChildren } from 'preact';
import { Icon, type IconName } from './icon.tsx';

type ButtonProps = {
  readonly children: ComponentChildren;
  readonly kind?: 'plain' | 'primary' | 'danger' | 'quiet';
  readonly icon?: IconName;
  readonly type?: 'button' | 'submit';
  readonly isBusy?: boolean;
  readonly disabled?: boolean;
  /** Why it cannot be pressed, or what it does where its text does not say. */
  readonly title?: string;
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
  const { onClick, disabled = false, title } = rest;
  return (
    <button
      type={type}
      class={`button button-${kind}`}
      aria-busy={isBusy}
      disabled={disabled}
      title={title}
      onClick={isBusy ? undefined : onClick}
    >
      {icon !== undefined && <Icon name={icon} />}
      <span>{children}</span>
    </button>
  );
}
