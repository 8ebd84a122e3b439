// `kubectl attach`: the output of a running container from now on, until it ends or the client goes.
import type { RunningContainer } from '../container/runtime.ts';
import { type ClientStreams, type StreamStatus, success } from './exec-session.ts';
import { streamLogLines } from './log-reader.ts';

export async function runAttach(container: RunningContainer, streams: ClientStreams): Promise<StreamStatus> {
  const over = new AbortController();
  const stop = (): void => over.abort();
  if (streams.gone.aborted) stop();
  streams.gone.addEventListener('abort', stop, { once: true });
  void container.exited.then(() => setImmediate(stop));
  for await (const { stream, text } of streamLogLines(container.logFile, { follow: true, tailLines: 0 }, over.signal)) {
    await (stream === 'stderr' ? streams.stderr(text) : streams.stdout(text));
  }
  streams.gone.removeEventListener('abort', stop);
  return success;
}
