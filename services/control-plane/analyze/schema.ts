// The validators of every kind as analysis: IST0106, IST0133, and their own codes IST0130 and IST0131.
import { formatProblem, isError } from '#api/problem.ts';
import { tryKindOf } from '#api/registry.ts';
import type { Inventory } from './inventory.ts';
import { type Message, message } from './message.ts';

export function analyseSchema(inventory: Inventory): Message[] {
  const messages: Message[] = [];
  for (const object of inventory.objects) {
    const definition = tryKindOf(object.apiVersion, object.kind);
    for (const problem of definition?.validate(object) ?? []) {
      const own = problem.code === 'IST0130' || problem.code === 'IST0131' ? problem.code : undefined;
      const code = own ?? (isError(problem) ? 'IST0106' : 'IST0133');
      const label = own ? '' : isError(problem) ? 'Schema validation error: ' : 'Schema validation warning: ';
      messages.push(message(code, object, problem.path, `${label}${formatProblem(problem)}`));
    }
  }
  return messages;
}
