import { type DestinationStream, type Logger, pino } from 'pino';

const SECRETS = ['authorization', 'cookie'].flatMap((name) => [
  `headers.${name}`,
  `*.headers.${name}`,
  `err.*.headers.${name}`,
]);

/** A logger that never prints a token, whatever object it is handed. */
export function makeLogger(level: string, to: DestinationStream = pino.destination(1)): Logger {
  return pino({ level, redact: { paths: SECRETS, censor: '[redacted]' } }, to);
}
