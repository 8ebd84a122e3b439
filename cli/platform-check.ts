// Whether this machine can run the local mesh; if not, a sentence that says which ways there are.
import { Failure } from './failure.ts';

/** Throws a Failure where `up local` cannot work. Values are injected by tests. */
export function ensureLocalCanRun(
  platform: NodeJS.Platform = process.platform,
  uid: number | undefined = process.getuid?.(),
): void {
  if (platform !== 'linux') {
    const name = platform === 'darwin' ? 'macOS' : platform === 'win32' ? 'Windows' : platform;
    throw new Failure(
      `the local mesh needs Linux network namespaces, which ${name} does not have: run it in a Linux VM, or use a kind cluster with './rig up kind'`,
    );
  }
  if (uid !== 0) {
    throw new Failure(
      "the local mesh makes network namespaces and iptables rules, which needs root: run it with sudo, or use a kind cluster with './rig up kind'",
    );
  }
}
