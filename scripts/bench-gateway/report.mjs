/** One row for each gateway and round. */
export function table(measured, rounds) {
  const head = [
    '',
    'round',
    'req/s',
    'p50 ms',
    'p99 ms',
    'first chunk ms',
    'chunks/s',
    'CPU ms/req',
    'MiB',
    'errors',
  ];
  const rows = Object.entries(measured).flatMap(([name, results]) =>
    rounds.map((round) => {
      const one = results[round.name];
      return [
        name,
        round.name,
        one.perSecond.toFixed(0),
        one.p50Ms?.toFixed(2) ?? '',
        one.p99Ms?.toFixed(2) ?? '',
        one.firstChunkP50Ms?.toFixed(2) ?? '',
        one.eventsPerSecond > 0 ? one.eventsPerSecond.toFixed(0) : '',
        one.cpuMs.toFixed(3),
        one.rssMib.toFixed(0),
        String(one.errors),
      ];
    }),
  );
  const lines = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines
    .map((line) =>
      line.map((cell, at) => (at < 2 ? cell.padEnd(widths[at]) : cell.padStart(widths[at]))).join('  '),
    )
    .join('\n');
}

/** Each goal of the gateway with what was reached. */
export function ratios(measured) {
  const { leash, portkey, litellm, floor, direct } = measured;
  if (leash === undefined) return '';
  const times = (a, b) => (b > 0 ? (a / b).toFixed(2) : '-');
  const goals = [
    portkey && [
      `times Portkey's requests at 32 (goal 4)`,
      times(leash['plain, 32'].perSecond, portkey['plain, 32'].perSecond),
    ],
    litellm && [
      `times LiteLLM's requests at 32 (goal 50)`,
      times(leash['plain, 32'].perSecond, litellm['plain, 32'].perSecond),
    ],
    floor && [
      `of the floor's requests at 32 (goal 0.5)`,
      times(leash['plain, 32'].perSecond, floor['plain, 32'].perSecond),
    ],
    ['CPU ms per request at 32 (goal 0.2)', leash['plain, 32'].cpuMs.toFixed(3)],
    direct && [
      'ms added to p50 at 1 (goal 0.35)',
      (leash['plain, 1'].p50Ms - direct['plain, 1'].p50Ms).toFixed(3),
    ],
    portkey && [
      `times Portkey's chunks (goal 1.5)`,
      times(leash['stream, 32'].eventsPerSecond, portkey['stream, 32'].eventsPerSecond),
    ],
    direct && [
      'ms added to the first chunk when paced (goal 1.5)',
      (leash['paced, 32'].firstChunkP50Ms - direct['paced, 32'].firstChunkP50Ms).toFixed(3),
    ],
    direct && [
      'ms added to the first chunk of 32 that come within one millisecond',
      (leash['at once, 32'].firstChunkP50Ms - direct['at once, 32'].firstChunkP50Ms).toFixed(3),
    ],
  ];
  return `\n${goals
    .filter(Boolean)
    .map(([what, value]) => `${value.padStart(8)}  ${what}`)
    .join('\n')}`;
}
