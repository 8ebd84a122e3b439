// The simple JSON paths of printer columns and scale: `.a.b`, `['a.b']`, `[0]`, `[*]`, `[?(@.type=="Ready")]`.
import { at, isFields, list } from '../object.ts';

type Step =
  | { readonly key: string }
  | { readonly index: number }
  | { readonly all: true }
  | { readonly filter: readonly [path: string[], value: string] };

function parse(path: string): Step[] {
  const steps: Step[] = [];
  let rest = path.replace(/^\{|\}$/g, '').replace(/^\$/, '');
  while (rest !== '') {
    const match =
      /^\.((?:\\.|[^.[\]\\])+)/.exec(rest) ?? /^\['((?:[^'])*)'\]/.exec(rest) ?? /^\["((?:[^"])*)"\]/.exec(rest);
    if (match !== null) {
      const key = match[1]!.replace(/\\(.)/g, '$1');
      steps.push(key === '*' ? { all: true } : { key });
      rest = rest.slice(match[0].length);
      continue;
    }
    const index = /^\[(\d+|\*)\]/.exec(rest);
    if (index !== null) {
      steps.push(index[1] === '*' ? { all: true } : { index: Number(index[1]) });
      rest = rest.slice(index[0].length);
      continue;
    }
    const filter = /^\[\?\(@((?:\.[A-Za-z0-9_-]+)+)\s*==\s*(?:"([^"]*)"|'([^']*)'|(\w+))\)\]/.exec(rest);
    if (filter === null) return [{ key: '\u0000unsupported' }];
    steps.push({ filter: [filter[1]!.slice(1).split('.'), filter[2] ?? filter[3] ?? filter[4] ?? ''] });
    rest = rest.slice(filter[0].length);
  }
  return steps;
}

export function readJsonPath(object: unknown, path: string): unknown[] {
  let here: unknown[] = [object];
  for (const step of parse(path))
    here = here.flatMap((value): unknown[] => {
      if ('key' in step) return isFields(value) && value[step.key] !== undefined ? [value[step.key]] : [];
      if ('index' in step) return list(value)[step.index] === undefined ? [] : [list(value)[step.index]];
      if ('all' in step) return Array.isArray(value) ? value : isFields(value) ? Object.values(value) : [];
      return list(value).filter((item) => String(at(item, ...step.filter[0])) === step.filter[1]);
    });
  return here;
}

/** Sets a number at a path of plain keys, for scale. */
export function writePath(object: Record<string, unknown>, path: string, value: unknown): void {
  const keys = path.split('.').filter((key) => key !== '');
  let here = object;
  for (const key of keys.slice(0, -1)) {
    if (!isFields(here[key])) here[key] = {};
    here = here[key] as Record<string, unknown>;
  }
  here[keys.at(-1) ?? ''] = value;
}
