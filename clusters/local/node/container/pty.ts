// A pseudo terminal, for exec with a terminal: Node has no openpty of its own. The only file of the node that calls into libc.
import { closeSync, write } from 'node:fs';
import { ReadStream } from 'node:tty';
import koffi from 'koffi';

/** ioctl request that sets a terminal's size. @see https://man7.org/linux/man-pages/man2/TIOCSWINSZ.2const.html */
const setWindowSize = 0x5414;

type OpenPty = (master: number[], slave: number[], name: null, termios: null, size: null) => number;
type Ioctl = (fd: number, request: number, type: string, value: Buffer) => number;

let calls: { openpty: OpenPty; ioctl: Ioctl } | undefined;

function libc(): { openpty: OpenPty; ioctl: Ioctl } {
  if (calls !== undefined) return calls;
  const openptySignature = 'int openpty(_Out_ int *, _Out_ int *, void *, void *, void *)';
  const base = koffi.load('libc.so.6');
  let openpty: OpenPty;
  try {
    openpty = base.func(openptySignature) as unknown as OpenPty;
  } catch {
    // glibc before 2.34 has it in a library of its own.
    openpty = koffi.load('libutil.so.1').func(openptySignature) as unknown as OpenPty;
  }
  calls = { openpty, ioctl: base.func('int ioctl(int, unsigned long, ...)') as unknown as Ioctl };
  return calls;
}

export interface WindowSize {
  readonly columns: number;
  readonly rows: number;
}

export class Pty {
  /** The program's end: give it as its stdio, then call `started`. */
  readonly slave: number;
  /** What the program writes. */
  readonly output: ReadStream;
  private readonly master: number;
  private slaveOpen = true;
  private closed = false;
  private writing: Promise<void> = Promise.resolve();

  constructor() {
    const master = [0];
    const slave = [0];
    if (libc().openpty(master, slave, null, null, null) !== 0)
      throw new Error('cannot open a terminal: no pseudo terminal is free');
    this.master = master[0] ?? -1;
    this.slave = slave[0] ?? -1;
    this.resize({ columns: 80, rows: 24 });
    this.output = new ReadStream(this.master);
    // Reading ends with EIO when the last program has closed its end.
    this.output.on('error', () => this.output.destroy());
    this.output.once('close', () => {
      this.closed = true;
    });
  }

  /** Closes our copy of the program's end, so that its end is seen. */
  started(): void {
    if (this.slaveOpen) closeSync(this.slave);
    this.slaveOpen = false;
  }

  resize({ columns, rows }: WindowSize): void {
    if (this.closed) return;
    const size = Buffer.alloc(8);
    size.writeUInt16LE(Math.min(rows, 65535), 0);
    size.writeUInt16LE(Math.min(columns, 65535), 2);
    libc().ioctl(this.master, setWindowSize, 'void *', size);
  }

  /** Types into the terminal; settles when it was taken. */
  write(bytes: Buffer): Promise<void> {
    this.writing = this.writing.then(() => this.writeAll(bytes));
    return this.writing;
  }

  private writeAll(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => {
      const step = (at: number): void => {
        if (this.closed || at >= bytes.length) return resolve();
        write(this.master, bytes, at, bytes.length - at, null, (error, count) => {
          if (error === null) step(at + count);
          else if (error.code === 'EAGAIN') setTimeout(step, 5, at);
          else resolve();
        });
      };
      step(0);
    });
  }

  close(): void {
    this.started();
    this.output.destroy();
  }
}
