import { readFileSync } from 'node:fs';
import { campaignReport, sumReports, tableOf } from './report.ts';

/** `npm run campaign:sum -- FILES`: reports of several campaigns as one. */
const files = process.argv.slice(2);
if (files.length === 0) {
  process.stderr.write('Name the reports that `npm run campaign -- --json FILE` wrote.\n');
  process.exitCode = 2;
} else {
  const total = sumReports(files.map((file) => campaignReport.parse(JSON.parse(readFileSync(file, 'utf8')))));
  process.stdout.write(`${tableOf(total)}\n`);
  process.exitCode = total.violations.length > 0 ? 1 : 0;
}
