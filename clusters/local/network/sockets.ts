// Sockets in another network namespace: made there in one synchronous window, then adopted by node:net.
import { closeSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import koffi from 'koffi';

const CLONE_NEWNET = 0x40000000;
const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;

const libc = koffi.load('libc.so.6');
const setns = libc.func('int setns(int fd, int type)');
const socket = libc.func('int socket(int domain, int type, int protocol)');

/** A namespace that sockets can be made in; holds two descriptors until closed. */
export class NetworkNamespace {
  readonly #there: number;
  readonly #home: number;

  /** @param path a namespace file, such as /run/netns/NAME */
  constructor(path: string) {
    this.#there = openSync(path, 'r');
    this.#home = openSync('/proc/self/ns/net', 'r');
  }

  /** Runs a synchronous function inside; nothing in it may wait. */
  inside<T>(work: () => T): T {
    if (setns(this.#there, CLONE_NEWNET) !== 0)
      throw new Error('cannot enter the network namespace: root is needed, and it must still exist');
    try {
      return work();
    } finally {
      // Going on in a foreign namespace would bind host ports there: better to stop at once.
      if (setns(this.#home, CLONE_NEWNET) !== 0) process.abort();
    }
  }

  /** A TCP connection that leaves from inside. */
  connect(port: number, host: string): Socket {
    const fd: number = this.inside(() => socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (fd < 0) throw new Error('cannot make a socket in the network namespace');
    // libuv connects the handle that is already open.
    const options = { fd, manualStart: true, readable: true, writable: true, allowHalfOpen: true };
    return new Socket(options).connect({ port, host });
  }

  close(): void {
    closeSync(this.#there);
    closeSync(this.#home);
  }
}
