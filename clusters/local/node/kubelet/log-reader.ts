// Reads container logs as the kubelet serves them: tail, since, limit, timestamps, follow, over rotated files.
import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { logEvents, rotatedFiles } from '../container/container-log.ts';

export interface LogOptions {
  readonly follow?: boolean | undefined;
  readonly tailLines?: number | undefined;
  /** Lines older than this are left out. */
  readonly since?: Date | undefined;
  readonly limitBytes?: number | undefined;
  readonly timestamps?: boolean | undefined;
}

export interface LogLine {
  readonly time: string;
  readonly stream: string;
  /** Text with its line end, unless it is a part of a longer line. */
  readonly text: Buffer;
}

/** Splits one CRI line; undefined for one that is none. */
export function tryLogLine(line: Buffer): LogLine | undefined {
  const first = line.indexOf(0x20);
  const second = line.indexOf(0x20, first + 1);
  const third = line.indexOf(0x20, second + 1);
  if (first < 0 || second < 0 || third < 0) return undefined;
  const tag = line.toString('latin1', second + 1, third);
  const full = tag === 'F' || tag.startsWith('F:');
  const body = line.subarray(third + 1);
  return {
    time: line.toString('latin1', 0, first),
    stream: line.toString('latin1', first + 1, second),
    text: full ? Buffer.concat([body, Buffer.from('\n')]) : Buffer.from(body),
  };
}

function* splitLines(content: Buffer): Generator<Buffer> {
  let from = 0;
  for (let end = content.indexOf(10); end >= 0; end = content.indexOf(10, from)) {
    yield content.subarray(from, end);
    from = end + 1;
  }
}

/** All lines on disk, oldest first, one file in memory at a time. */
function* readLines(file: string): Generator<LogLine> {
  for (const one of [...rotatedFiles(file), file]) {
    if (!existsSync(one)) continue;
    for (const line of splitLines(readFileSync(one))) {
      const parsed = tryLogLine(line);
      if (parsed !== undefined) yield parsed;
    }
  }
}

/** The last lines of a log as text, for termination messages. */
export function readLogTail(file: string, maxLines: number, maxBytes: number): string {
  const lines: Buffer[] = [];
  for (const { text } of readLines(file)) {
    lines.push(text);
    if (lines.length > maxLines) lines.shift();
  }
  const bytes = Buffer.concat(lines);
  return bytes.subarray(Math.max(0, bytes.length - maxBytes)).toString('utf8');
}

/** Streams a log as text; with follow, until the container has ended or the signal aborts. */
export async function* streamLog(file: string, options: LogOptions, signal: AbortSignal): AsyncGenerator<Buffer> {
  for await (const { text } of streamLogLines(file, options, signal)) yield text;
}

/** The same, line by line with the stream each came from. */
export async function* streamLogLines(
  file: string,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<Pick<LogLine, 'stream' | 'text'>> {
  let left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  const emit = (line: LogLine): Pick<LogLine, 'stream' | 'text'> | undefined => {
    if (left <= 0) return undefined;
    const whole = options.timestamps === true ? Buffer.concat([Buffer.from(`${line.time} `), line.text]) : line.text;
    const part = whole.length > left ? whole.subarray(0, left) : whole;
    left -= part.length;
    return { stream: line.stream, text: part };
  };
  const recent = (line: LogLine): boolean =>
    options.since === undefined || Date.parse(line.time) >= options.since.getTime();

  let ended = false;
  let notify: (() => void) | undefined;
  const grew = (): void => notify?.();
  const atEnd = (): void => {
    ended = true;
    notify?.();
  };
  logEvents.on(file, grew).on(`${file}:end`, atEnd);
  signal.addEventListener('abort', grew);
  try {
    let position = 0;
    let inode = 0;
    const kept: LogLine[] = [];
    const tail = options.tailLines;
    for (const one of [...rotatedFiles(file), file]) {
      if (!existsSync(one)) continue;
      const content = readFileSync(one);
      if (one === file) {
        // Following goes on exactly where this reading stops: no line is lost or doubled between the two.
        position = content.lastIndexOf(10) + 1;
        inode = statSync(file).ino;
      }
      for (const raw of splitLines(content)) {
        const line = tryLogLine(raw);
        if (line === undefined || !recent(line)) continue;
        if (tail === undefined) {
          const part = emit(line);
          if (part === undefined) return;
          yield part;
        } else if (tail > 0) {
          kept.push(line);
          if (kept.length > tail) kept.shift();
        }
      }
    }
    for (const line of kept) {
      const part = emit(line);
      if (part === undefined) return;
      yield part;
    }
    if (options.follow !== true) return;
    let rest = Buffer.alloc(0);
    while (!signal.aborted && left > 0) {
      const stat = statSync(file, { throwIfNoEntry: false });
      if (stat !== undefined && stat.ino !== inode) {
        // Rotated: what was added to the old file first.
        const old = rotatedFiles(file).find((one) => statSync(one, { throwIfNoEntry: false })?.ino === inode);
        if (old !== undefined) rest = Buffer.concat([rest, readFrom(old, position)]);
        inode = stat.ino;
        position = 0;
      }
      const fresh = stat === undefined ? Buffer.alloc(0) : readFrom(file, position);
      position += fresh.length;
      rest = Buffer.concat([rest, fresh]);
      const end = rest.lastIndexOf(10);
      if (end >= 0) {
        for (const line of splitLines(rest.subarray(0, end + 1))) {
          const parsed = tryLogLine(line);
          const part = parsed === undefined ? undefined : emit(parsed);
          if (part !== undefined && part.text.length > 0) yield part;
        }
        rest = Buffer.from(rest.subarray(end + 1));
        continue;
      }
      if (ended || signal.aborted) return;
      await new Promise<void>((resolve) => {
        notify = resolve;
      });
      notify = undefined;
    }
  } finally {
    logEvents.off(file, grew).off(`${file}:end`, atEnd);
    signal.removeEventListener('abort', grew);
  }
}

/** Bytes of a file from a position; at most 1 MiB at a time. */
function readFrom(file: string, position: number): Buffer {
  const fd = openSync(file, 'r');
  try {
    const buffer = Buffer.alloc(1 << 20);
    return Buffer.from(buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, position)));
  } finally {
    closeSync(fd);
  }
}
