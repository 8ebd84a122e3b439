// DNS messages: questions in, answers out; of the rest of the protocol only what a cluster's resolver needs. RFC 1035.

export const TYPE = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, AAAA: 28, SRV: 33, ANY: 255 } as const;
export const RCODE = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
} as const;

export interface Question {
  readonly id: number;
  /** Lower case, without the last dot. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  readonly recursionDesired: boolean;
  /** The question as it came, to be sent back byte for byte. */
  readonly bytes: Buffer;
  /** Whether it came with EDNS, and how large an answer it takes by UDP. */
  readonly udpSize: number;
}

export type Answer =
  | { readonly type: 'A'; readonly name: string; readonly address: string }
  | { readonly type: 'CNAME'; readonly name: string; readonly target: string }
  | { readonly type: 'PTR'; readonly name: string; readonly target: string }
  | { readonly type: 'SRV'; readonly name: string; readonly port: number; readonly target: string };

export interface Reply {
  readonly rcode: number;
  readonly answers: readonly Answer[];
  readonly additional?: readonly Answer[] | undefined;
}

const ttlSeconds = 5;
const maxLabels = 128;

/** Reads one question; undefined where the message is no query that can be answered. */
export function parseQuestion(message: Buffer): Question | undefined {
  if (message.length < 17 || message.length > 4096) return undefined;
  const flags = message.readUInt16BE(2);
  if ((flags & 0xf800) !== 0 || message.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let at = 12;
  for (;;) {
    const length = message[at];
    if (length === undefined || length > 63 || labels.length > maxLabels) return undefined;
    at += 1;
    if (length === 0) break;
    if (at + length > message.length) return undefined;
    labels.push(message.toString('latin1', at, at + length).toLowerCase());
    at += length;
  }
  if (at + 4 > message.length || at - 12 > 255) return undefined;
  const name = labels.join('.');
  const type = message.readUInt16BE(at);
  return {
    id: message.readUInt16BE(0),
    name,
    type,
    class: message.readUInt16BE(at + 2),
    recursionDesired: (flags & 0x0100) !== 0,
    bytes: message.subarray(12, at + 4),
    udpSize: udpSizeOf(message, at + 4),
  };
}

/** The size in an OPT record that follows the question at once. */
function udpSizeOf(message: Buffer, at: number): number {
  const opt = message.readUInt16BE(10) > 0 && message.readUInt16BE(6) === 0 && message.readUInt16BE(8) === 0;
  if (!opt || at + 5 > message.length || message[at] !== 0 || message.readUInt16BE(at + 1) !== 41) return 512;
  return Math.min(4096, Math.max(512, message.readUInt16BE(at + 3)));
}

function encodeName(name: string): Buffer {
  const parts: Buffer[] = [];
  for (const label of name.split('.').filter((it) => it !== '')) {
    const bytes = Buffer.from(label.slice(0, 63), 'latin1');
    parts.push(Buffer.from([bytes.length]), bytes);
  }
  return Buffer.concat([...parts, Buffer.from([0])]);
}

function encodeAnswer(answer: Answer): Buffer {
  let data: Buffer;
  if (answer.type === 'A') data = Buffer.from(answer.address.split('.').map(Number));
  else if (answer.type === 'SRV') {
    const head = Buffer.alloc(6);
    head.writeUInt16BE(0, 0);
    head.writeUInt16BE(100, 2);
    head.writeUInt16BE(answer.port, 4);
    data = Buffer.concat([head, encodeName(answer.target)]);
  } else data = encodeName(answer.target);
  const head = Buffer.alloc(10);
  head.writeUInt16BE(TYPE[answer.type], 0);
  head.writeUInt16BE(1, 2);
  head.writeUInt32BE(ttlSeconds, 4);
  head.writeUInt16BE(data.length, 8);
  return Buffer.concat([encodeName(answer.name), head, data]);
}

/** The whole reply; longer than `limit` bytes it says that it is cut, and the client asks again by TCP. */
export function encodeReply(question: Question, reply: Reply, limit: number): Buffer {
  const additional = reply.additional ?? [];
  const make = (answers: readonly Answer[], more: readonly Answer[], truncated: boolean): Buffer => {
    const head = Buffer.alloc(12);
    head.writeUInt16BE(question.id, 0);
    head.writeUInt16BE(0x8400 | (truncated ? 0x0200 : 0) | (question.recursionDesired ? 0x0100 : 0) | reply.rcode, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(answers.length, 6);
    head.writeUInt16BE(more.length, 10);
    return Buffer.concat([head, question.bytes, ...answers.map(encodeAnswer), ...more.map(encodeAnswer)]);
  };
  const whole = make(reply.answers, additional, false);
  return whole.length <= limit ? whole : make([], [], true);
}
