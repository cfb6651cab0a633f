import { Command } from 'commander';
import { callOf, lookNow, printJson, printLines } from './call-options.ts';
import { EXIT } from './exit-code.ts';
import { addOrderOptions, type OrderOptions, orderOf } from './order-options.ts';
import { planText } from './plan-text.ts';

export function planCommand(): Command {
  const command = new Command('plan')
    .summary('what a launch would cost, when it is READY, what stops it; rents nothing')
    .description(
      'Takes what `leash launch` takes and says what that would choose, cost and be stopped by. Rents nothing.\nExits with 4 where the launch would be refused or find no offer.',
    );
  return addOrderOptions(command).action(async (options: OrderOptions, self: Command) => {
    const { api, isJson } = callOf(self);
    const answer = await api.plan(orderOf(options));
    if (isJson) printJson(answer.body);
    else printLines(planText(answer.value, lookNow()));
    if (answer.value.stopped_by !== null) process.exitCode = EXIT.refused;
  });
}
