/** The archive cannot be read or written now. Its message names no password. */
export class ArchiveError extends Error {
  constructor(tried: string, cause: unknown) {
    super(`Cannot ${tried}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'ArchiveError';
  }
}
