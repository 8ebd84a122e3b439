// Output of a container -> its log file, one CRI line per line of output, rotated by size.
// Format: `<RFC 3339 with nanoseconds> stdout|stderr F|P <text>`.
import { EventEmitter } from 'node:events';
import { closeSync, fstatSync, openSync, readdirSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Longest text of one log line; a longer line is written in parts tagged P. Bytes. */
const maxLine = 16 * 1024;

/** Tells followers that a file grew (`file`) or that its container ended (`file:end`). */
export const logEvents = new EventEmitter().setMaxListeners(0);

let lastMicros = 0;

/** Now with microseconds, never twice the same within one process. */
function timestamp(): string {
  const now = Math.max(Math.floor((performance.timeOrigin + performance.now()) * 1000), lastMicros + 1);
  lastMicros = now;
  const micros = String(now % 1000).padStart(3, '0');
  return new Date(Math.floor(now / 1000)).toISOString().replace('Z', `${micros}000Z`);
}

/** Rotated files of a log, oldest first, without the current one. */
export function rotatedFiles(file: string): string[] {
  const prefix = `${basename(file)}.`;
  try {
    return readdirSync(dirname(file))
      .filter((name) => name.startsWith(prefix))
      .sort((a, b) => Number(a.slice(prefix.length)) - Number(b.slice(prefix.length)))
      .map((name) => join(dirname(file), name));
  } catch {
    return [];
  }
}

export class ContainerLog {
  readonly file: string;
  private fd: number;
  private size: number;
  private serial: number;
  private readonly pending = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  private readonly maxBytes: number;
  private readonly maxFiles: number;

  /** @param maxBytes size at which the file is rotated @param maxFiles files kept, with the current one */
  constructor(file: string, maxBytes = 10 << 20, maxFiles = 5) {
    this.file = file;
    this.maxBytes = maxBytes;
    this.maxFiles = maxFiles;
    this.fd = openSync(file, 'a', 0o600);
    this.size = fstatSync(this.fd).size;
    const last = rotatedFiles(file).at(-1);
    this.serial = last === undefined ? 0 : Number(last.slice(file.length + 1)) || 0;
  }

  write(stream: 'stdout' | 'stderr', chunk: Uint8Array): void {
    let rest = this.pending[stream].length === 0 ? Buffer.from(chunk) : Buffer.concat([this.pending[stream], chunk]);
    const parts: Buffer[] = [];
    for (;;) {
      const end = rest.indexOf(10);
      if (end >= 0 && end <= maxLine) {
        parts.push(Buffer.from(`${timestamp()} ${stream} F `), rest.subarray(0, end + 1));
        rest = rest.subarray(end + 1);
      } else if (rest.length > maxLine) {
        parts.push(Buffer.from(`${timestamp()} ${stream} P `), rest.subarray(0, maxLine), Buffer.from('\n'));
        rest = rest.subarray(maxLine);
      } else break;
    }
    this.pending[stream] = Buffer.from(rest);
    if (parts.length > 0) this.append(Buffer.concat(parts));
  }

  /** Writes what has no line end yet, and tells followers that nothing more comes. */
  end(): void {
    if (this.fd < 0) return;
    for (const stream of ['stdout', 'stderr'] as const) {
      const rest = this.pending[stream];
      if (rest.length > 0)
        this.append(Buffer.concat([Buffer.from(`${timestamp()} ${stream} P `), rest, Buffer.from('\n')]));
      this.pending[stream] = Buffer.alloc(0);
    }
    closeSync(this.fd);
    this.fd = -1;
    logEvents.emit(`${this.file}:end`);
  }

  private append(bytes: Buffer): void {
    if (this.fd < 0) return;
    if (this.size > 0 && this.size + bytes.length > this.maxBytes) this.rotate();
    writeSync(this.fd, bytes);
    this.size += bytes.length;
    logEvents.emit(this.file);
  }

  private rotate(): void {
    closeSync(this.fd);
    this.serial += 1;
    renameSync(this.file, `${this.file}.${this.serial}`);
    for (const old of rotatedFiles(this.file).slice(0, -(this.maxFiles - 1))) rmSync(old, { force: true });
    this.fd = openSync(this.file, 'a', 0o600);
    this.size = 0;
  }
}
