// Where a redirected connection wanted to go: getsockopt(SO_ORIGINAL_DST), which Node lacks, through koffi.
import type { Socket } from 'node:net';
import koffi from 'koffi';

const SOL_IP = 0;
const SOL_IPV6 = 41;
const SO_ORIGINAL_DST = 80;

export interface Destination {
  readonly address: string;
  readonly port: number;
}

type GetSockOpt = (fd: number, level: number, option: number, value: Buffer, length: number[]) => number;
let getsockopt: GetSockOpt | undefined;

function load(): GetSockOpt {
  const libc = koffi.load('libc.so.6');
  return libc.func(
    'int getsockopt(int fd, int level, int optname, _Out_ uint8_t *value, _Inout_ uint32_t *length)',
  ) as unknown as GetSockOpt;
}

/** Undefined if the connection was not redirected. */
export function originalDestination(socket: Socket): Destination | undefined {
  const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd;
  if (fd === undefined || fd < 0) return undefined;
  getsockopt ??= load();
  const value = Buffer.alloc(28);
  if (getsockopt(fd, SOL_IP, SO_ORIGINAL_DST, value, [16]) === 0) {
    return { address: `${value[4]}.${value[5]}.${value[6]}.${value[7]}`, port: value.readUInt16BE(2) };
  }
  if (getsockopt(fd, SOL_IPV6, SO_ORIGINAL_DST, value, [28]) !== 0) return undefined;
  const groups: string[] = [];
  for (let at = 8; at < 24; at += 2) groups.push(value.readUInt16BE(at).toString(16));
  return { address: groups.join(':'), port: value.readUInt16BE(2) };
}
