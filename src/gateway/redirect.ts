/**
 * The path a target sends on to; null where it leads elsewhere, or nowhere: our key for a target is for
 * nobody else.
 */
export function redirectFrom(
  location: string | string[] | undefined,
  from: { readonly origin: string; readonly path: string },
): string | null {
  if (typeof location !== 'string') return null;
  const to = URL.parse(location, `${from.origin}${from.path}`);
  return to === null || to.origin !== new URL(from.origin).origin ? null : `${to.pathname}${to.search}`;
}
