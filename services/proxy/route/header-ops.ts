// Header additions and removals of routes, virtual hosts and route configurations, compiled once.
import { compileTextFormat, type AccessLogFormat, type AccessRecord } from '#lib/telemetry/access-log.ts';
import { type Head, needleOf } from '#lib/http/head.ts';

/** envoy.config.core.v3.HeaderValueOption */
interface HeaderValueOption {
  readonly header?: { readonly key?: string; readonly value?: string };
  readonly append?: unknown;
  readonly appendAction?: string | number;
  readonly keepEmptyValue?: boolean;
}

type AppendMode = 'append' | 'add-if-absent' | 'overwrite' | 'overwrite-if-exists';

interface Addition {
  readonly name: string;
  readonly needle: string;
  readonly mode: AppendMode;
  readonly value: string | AccessLogFormat;
}

export interface HeaderOps {
  readonly additions: readonly Addition[];
  readonly removals: readonly string[];
}

export function compileHeaderOps(
  add: readonly HeaderValueOption[] | undefined,
  remove: readonly string[] | undefined,
): HeaderOps | undefined {
  if (!add?.length && !remove?.length) return undefined;
  return {
    additions: (add ?? []).map((option) => {
      const name = option.header?.key ?? '';
      const value = option.header?.value ?? '';
      return {
        name,
        needle: needleOf(name),
        mode: modeOf(option),
        value: value.includes('%') ? compileTextFormat(value) : value,
      };
    }),
    removals: (remove ?? []).map((name) => needleOf(name)),
  };
}

function modeOf(option: HeaderValueOption): AppendMode {
  switch (option.appendAction) {
    case 'ADD_IF_ABSENT':
    case 1:
      return 'add-if-absent';
    case 'OVERWRITE_IF_EXISTS_OR_ADD':
    case 2:
      return 'overwrite';
    case 'OVERWRITE_IF_EXISTS':
    case 3:
      return 'overwrite-if-exists';
    default: {
      const append = option.append as { value?: boolean } | boolean | undefined;
      const appends =
        typeof append === 'object' && append !== null
          ? append.value !== false && append.value !== undefined
          : append !== false;
      return appends ? 'append' : 'overwrite';
    }
  }
}

/** Removes first, then adds, as Envoy does. `setAuthority` hears of a changed Host. */
export function applyHeaderOps(
  ops: HeaderOps,
  head: Head,
  record: AccessRecord,
  setAuthority?: (value: string) => void,
): void {
  for (const needle of ops.removals) head.cut(needle);
  for (const { name, needle, mode, value } of ops.additions) {
    const text = typeof value === 'string' ? value : value(record);
    if (/[\r\n\0]/.test(text)) continue;
    const lower = name.toLowerCase();
    if (setAuthority !== undefined && (lower === ':authority' || lower === 'host')) setAuthority(text);
    else if (mode === 'append') head.append(name, text);
    else if (mode === 'overwrite') head.set(name, text);
    else if (mode === 'overwrite-if-exists' && head.lower.includes(needle)) head.set(name, text);
    else if (mode === 'add-if-absent' && !head.lower.includes(needle)) head.append(name, text);
  }
}
