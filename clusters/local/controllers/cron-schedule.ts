// Five-field cron expressions and @-names, in UTC: the times at which they are due.

interface Field {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}
const FIELDS: readonly Field[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'] },
  { min: 0, max: 6, names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
];
const NAMED: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
const MINUTE_MS = 60_000;
const YEARS_AHEAD_MS = 5 * 366 * 24 * 3_600_000;

export interface CronSchedule {
  /** The first due time after `ms`, or undefined when none comes within five years. */
  next(ms: number): number | undefined;
}

/** Undefined when the expression is not valid. */
export function parseCron(expression: string): CronSchedule | undefined {
  const parts = (NAMED[expression.trim()] ?? expression).trim().split(/\s+/);
  if (parts.length !== 5) return undefined;
  const sets = parts.map((part, index) => parseField(part, FIELDS[index]!));
  if (sets.some((set) => set === undefined)) return undefined;
  const [minutes, hours, days, months, weekdays] = sets as Set<number>[];
  const anyDay = parts[2]!.startsWith('*') || parts[2] === '?';
  const anyWeekday = parts[4]!.startsWith('*') || parts[4] === '?';
  // Both given: either may match, as cron always had it.
  const isDay = (date: Date): boolean => {
    const day = days!.has(date.getUTCDate());
    const weekday = weekdays!.has(date.getUTCDay());
    return anyDay || anyWeekday ? day && weekday : day || weekday;
  };
  return {
    next: (ms) => {
      let at = Math.floor(ms / MINUTE_MS) * MINUTE_MS + MINUTE_MS;
      const end = at + YEARS_AHEAD_MS;
      while (at < end) {
        const date = new Date(at);
        if (!months!.has(date.getUTCMonth() + 1)) at = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
        else if (!isDay(date)) at = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate() + 1);
        else if (!hours!.has(date.getUTCHours())) at = Math.floor(at / 3_600_000) * 3_600_000 + 3_600_000;
        else if (!minutes!.has(date.getUTCMinutes())) at += MINUTE_MS;
        else return at;
      }
      return undefined;
    },
  };
}

function parseField(text: string, { min, max, names = [] }: Field): Set<number> | undefined {
  const toNumber = (word: string): number => {
    const named = names.indexOf(word.toLowerCase().slice(0, 3));
    if (named >= 0) return named + min;
    return /^\d+$/.test(word) ? Number(word) : Number.NaN;
  };
  const set = new Set<number>();
  for (const item of text.split(',')) {
    const [range = '', stepText] = item.split('/');
    const step = stepText === undefined ? 1 : Number(stepText);
    let from = min;
    let to = max;
    if (range !== '*' && range !== '?') {
      const [first = '', last] = range.split('-');
      from = toNumber(first);
      to = last !== undefined ? toNumber(last) : stepText !== undefined ? max : from;
    }
    const limit = max === 6 ? 7 : max;
    if (!(from >= min && to <= limit && from <= to && Number.isInteger(step) && step > 0)) return undefined;
    for (let value = from; value <= to; value += step) set.add(max === 6 ? value % 7 : value);
  }
  return set;
}
