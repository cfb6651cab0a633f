import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { check } from './invariants/check.ts';
import { type CampaignReport, campaignReport, reportOf, sumReports, tableOf } from './report.ts';
import type { RunResult } from './run.ts';

/**
 * `npm run campaign:sum -- FILES [--json FILE]`: reports of several campaigns as one; a `run.json` of a kept home is
 * judged anew.
 */
const { positionals: files, values } = parseArgs({
  options: { json: { type: 'string' } },
  allowPositionals: true,
});
if (files.length === 0) {
  process.stderr.write(
    'Name the reports that `npm run campaign -- --json FILE` wrote, or the run.json of kept homes.\n',
  );
  process.exitCode = 2;
} else {
  const total = sumReports(files.map(readReport));
  process.stdout.write(`${tableOf(total)}\n`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(total, null, 2)}\n`);
  process.exitCode = total.violations.length > 0 ? 1 : 0;
}

function readReport(file: string): CampaignReport {
  const json: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (typeof json !== 'object' || json === null || !('records' in json)) return campaignReport.parse(json);
  const result = json as RunResult;
  return reportOf({ result, violations: check(result.records), replay: null });
}
