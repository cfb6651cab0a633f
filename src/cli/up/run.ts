import { printLines } from '../call-options.ts';
import { errorColours } from '../colours.ts';
import { logFile, openLog } from '../compose/log.ts';
import type { Trouble } from '../compose/parts.ts';
import { compose, type Running, settle } from '../compose.ts';
import { CommandError, EXIT } from '../exit-code.ts';
import { watchInterrupts } from '../interrupts.ts';
import { isScreen, type LiveScreen, openLiveScreen, waitingFrame } from '../live-screen.ts';
import { removeServerNote, type ServerNote, writeServerNote } from '../server-note.ts';
import type { UpOptions } from '../up.ts';
import { endSessions, openSessions } from './end-sessions.ts';
import { stoppingLine, tokenFileOf, unendedLines, upLines } from './screen.ts';
import { watchSessions } from './watch-sessions.ts';

type Settled = ReturnType<typeof settle>;
type End = { readonly kind: 'asked' } | { readonly kind: 'died'; readonly trouble: Trouble };

/** Runs everything until it is told to end or a part dies. Returns the exit code. */
export async function up(options: UpOptions): Promise<number> {
  using interrupts = watchInterrupts();
  const startedMs = Date.now();
  const settled = settle({ environment: process.env });
  const screen = openLiveScreen();
  const running = await orLeaveAtOnce(settled, interrupts.second, start(options, settled, screen));
  const noteHome = settled.config.LEASH_HOME;
  writeServerNote(noteHome, noteOf(running));
  const tookMs = Date.now() - startedMs;
  // What cannot be listed yet is no reason not to start.
  const open = await openSessions(running.sessions).catch(() => []);
  const budget = await running.sessions.budget().catch(() => null);
  const isLive = isScreen(process.stdout);
  printLines(upLines(running, { tookMs, logFile: logFile(settled.home), open, budget, isLive }));
  const end = await watchUntilEnd(running, { screen, isLive, asked: interrupts.first });
  if (end.kind === 'died') reportDeath(end.trouble);
  const left = await orLeaveAtOnce(settled, interrupts.second, endOpenSessions(running, end));
  printLines(['Stopping.']);
  const troubles = await orLeaveAtOnce(settled, interrupts.second, running.stop());
  removeServerNote(noteHome);
  for (const { part, why } of troubles) process.stderr.write(`The ${part}: ${why}\n`);
  if (left.length > 0) printLines(unendedLines(left, guardMinutesOf(settled)));
  return end.kind === 'asked' && left.length === 0 ? EXIT.done : EXIT.failed;
}

/** Shows what runs until somebody asks for the end, or a part dies. */
async function watchUntilEnd(
  running: Running,
  { screen, isLive, asked }: { screen: LiveScreen; isLive: boolean; asked: Promise<void> },
): Promise<End> {
  const over = new AbortController();
  const watched = watchSessions(running.sessions, {
    ...{ screen, isLive, signal: over.signal },
    footer: stoppingLine(running),
  });
  try {
    return await Promise.race([
      asked.then((): End => ({ kind: 'asked' })),
      running.died.then((trouble): End => ({ kind: 'died', trouble })),
      // It ends with the signal, or as a bug does.
      watched.then(() => new Promise<never>(() => undefined)),
    ]);
  } finally {
    over.abort();
    screen.close();
  }
}

function noteOf(running: Running): ServerNote {
  const { apiUrl, temporal, market } = running;
  const beside = { namespace: temporal.namespace, temporal: temporal.address, market_url: market.url };
  return { url: apiUrl, token_file: tokenFileOf(running), pid: process.pid, beside };
}

async function start(options: UpOptions, settled: Settled, screen: LiveScreen): Promise<Running> {
  const startedMs = Date.now();
  try {
    return await compose({
      environment: process.env,
      logger: openLog({
        home: settled.home,
        level: settled.config.LEASH_LOG_LEVEL,
        print: screen.print,
        isVerbose: options.verbose === true,
      }),
      simulator: {
        ...(options.timeScale === undefined ? {} : { timeScale: options.timeScale }),
        ...(options.profile === undefined ? {} : { profile: options.profile }),
      },
      onStarting: (names) => screen.show(waitingFrame(`starting ${names.join(' and ')}`, startedMs)),
    });
  } catch (error) {
    throw new CommandError(EXIT.failed, error instanceof Error ? error.message : String(error));
  } finally {
    screen.show(null);
  }
}

/** How long teardown may hold up the end: the drain, two looks at an empty list, and a market that is slow. */
const TEARDOWN_PATIENCE_MS = 90_000;

/** Whose sessions end with the program: ours, unless it was told to leave them or fell over by itself. */
async function endOpenSessions({ config, sessions }: Running, end: End): Promise<string[]> {
  const isWanted =
    end.kind === 'asked'
      ? config.VASTAI_AUTO_DESTROY_ON_SHUTDOWN !== false
      : config.VASTAI_AUTO_DESTROY_ON_SHUTDOWN === true && end.trouble.part === 'HTTP server';
  if (!isWanted) return [];
  return endSessions(sessions, {
    timeoutMs: config.LEASH_DRAIN_SECONDS * 1_000 + TEARDOWN_PATIENCE_MS,
    print: (line) => printLines([line]),
  });
}

function reportDeath({ part, why }: Trouble): void {
  process.stderr.write(`${errorColours.red(`The ${part} ended by itself:`)} ${why}\n`);
}

/** The simulated market ends with the program: no guard runs on in it. */
function guardMinutesOf({ config, isSimulated }: Settled): number {
  return isSimulated ? 0 : config.LEASH_GUARD_MINUTES;
}

async function orLeaveAtOnce<T>(settled: Settled, second: Promise<void>, work: Promise<T>): Promise<T> {
  const isLeaving = await Promise.race([second.then(() => true), work.then(() => false)]);
  if (!isLeaving) return work;
  printLines(unendedLines([], guardMinutesOf(settled)));
  process.exit(EXIT.interrupted);
}
