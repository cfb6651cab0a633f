/**
 * @typedef {{name: string, connections: number, perSecond: number, p50Ms: number, p99Ms: number, cpuMs: number,
 *   rssMib: number, errors: number}} Row
 */

/**
 * One row for each worker and concurrency.
 *
 * @param {readonly Row[]} rows
 */
export function table(rows) {
  const lines = [
    ['worker', 'at once', 'req/s', 'p50 ms', 'p99 ms', 'CPU ms/req', 'MiB', 'errors'],
    ...rows.map((row) => [
      row.name,
      String(row.connections),
      row.perSecond.toFixed(0),
      row.p50Ms.toFixed(2),
      row.p99Ms.toFixed(2),
      row.cpuMs.toFixed(3),
      row.rssMib.toFixed(0),
      String(row.errors),
    ]),
  ];
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines
    .map((line) =>
      line.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at]))).join('  '),
    )
    .join('\n');
}

/**
 * What ours is to the official worker at each concurrency, beside the goal.
 *
 * @param {readonly Row[]} rows
 */
export function goals(rows) {
  const concurrencies = [...new Set(rows.map(({ connections }) => connections))];
  return concurrencies
    .map((connections) => {
      const [official, ours] = ['official', 'ours'].map((name) =>
        rows.find((row) => row.name === name && row.connections === connections),
      );
      const times = (figure) => (ours[figure] / official[figure]).toFixed(2);
      return `${String(connections).padStart(4)} at once: ${times('perSecond')} times the requests (goal 5), ${times('p99Ms')} of the p99 (goal 0.25), ${times('cpuMs')} of the CPU per request (goal 0.2)`;
    })
    .join('\n');
}

/** @param {readonly number[]} sizes MiB before, and after each part */
export function memoryLine(sizes) {
  return `memory before and after each of ten times 10,000 requests, MiB: ${sizes.map(Math.round).join(' ')}`;
}
