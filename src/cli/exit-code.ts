/** What the shell is told; `--help` prints this table, so scripts may rely on it. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
  refused: 4,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_HELP = `
Exit codes:
  0    done; for launch: the session is READY
  1    failed: the launch ended without READY, a teardown was not seen to end in time, a part died
  2    usage: an option or a value is wrong
  3    the leash server, or what it needs, cannot be reached
  4    refused: no right (401, 403), over budget (402), not now (404, 409, 429)
  130  Ctrl-C`;

/** An end of a command that is said in a sentence; anything else that is thrown is a bug and shows its stack. */
export class CommandError extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.name = 'CommandError';
    this.exitCode = exitCode;
  }
}
