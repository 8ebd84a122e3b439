// Keeps the workload's certificate: a new key and CSR for each, renewed at half of its life with jitter, tried again
// with back-off; keys stay in memory. Also the mesh's roots, from the CA's answer and the mounted ConfigMap.
import type { KeyObject } from 'node:crypto';
import { Backoff, waitFor } from '#lib/backoff/backoff.ts';
import { tryParseSpiffe } from '#lib/identity/spiffe.ts';
import { chainProblem } from '#lib/tls/certificate.ts';
import { createCsr } from '#lib/tls/certificate-request.ts';
import type { KeyPair } from '#lib/tls/key-pair.ts';
import { generatePrivateKey, isKeyOf, type KeyAlgorithm, toPrivateKeyPem } from '#lib/tls/keys.ts';
import { parseCertificates, uniqueCertificatesPem } from '#lib/tls/pem.ts';
import { uriSansOf } from '#lib/tls/subject-alternative-names.ts';

/** The workload's own certificate, SDS name `default`. */
export interface WorkloadCertificate extends KeyPair {
  /** The SPIFFE identity in it. */
  readonly identity: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Who is trusted, SDS name `ROOTCA`. */
export interface TrustBundle {
  readonly rootsPem: string;
}

export type SecretName = 'default' | 'ROOTCA';

/** The secrets that a proxy's TLS contexts name `default` and `ROOTCA`. */
export interface AgentSecrets {
  get(name: 'default'): WorkloadCertificate | undefined;
  get(name: 'ROOTCA'): TrustBundle | undefined;
  /** Called after a secret changed (rotation, new roots); returns the way to stop listening. */
  onChange(listener: (name: SecretName) => void): () => void;
}

/** What the manager works with. */
export interface SecretManagerOptions {
  /** Identity that the CSR names; the CA decides by the token. */
  readonly expectedIdentity: string;
  readonly ttlSeconds: number;
  /** Share of the life that is left when a certificate is renewed. */
  readonly graceRatio: number;
  readonly graceJitter: number;
  readonly keyAlgorithm: KeyAlgorithm;
  /** The mounted roots, read anew each time. */
  readonly readRoots: () => Promise<string>;
  readonly requestCertificate: (request: {
    readonly csr: string;
    readonly ttlSeconds: number;
    readonly rootsPem: string;
    readonly current: KeyPair | undefined;
    readonly signal: AbortSignal;
  }) => Promise<readonly string[]>;
  readonly now: () => number;
  readonly random: () => number;
  readonly log: (line: string) => void;
  /** How often the mounted roots are looked at. @default 10000 */
  readonly rootsIntervalMs?: number;
}

const BACKOFF = { baseMs: 250, maxMs: 5_000 };
const MAX_WAIT_MS = 3_600_000;

export class SecretManager implements AgentSecrets {
  readonly #options: SecretManagerOptions;
  readonly #listeners = new Set<(name: SecretName) => void>();
  #certificate: WorkloadCertificate | undefined;
  #bundle: TrustBundle | undefined;
  #rootOfAnswer = '';
  #renewals = 0;
  #receivedMs = 0;

  constructor(options: SecretManagerOptions) {
    this.#options = options;
  }

  /** Certificates received since the start. */
  get renewals(): number {
    return this.#renewals;
  }

  get(name: 'default'): WorkloadCertificate | undefined;
  get(name: 'ROOTCA'): TrustBundle | undefined;
  get(name: SecretName): WorkloadCertificate | TrustBundle | undefined {
    return name === 'default' ? this.#certificate : this.#bundle;
  }

  onChange(listener: (name: SecretName) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves with the first certificate, or when the signal aborts; renewal goes on until then. */
  async start(signal: AbortSignal): Promise<void> {
    await this.#renewUntilDone(signal);
    void this.#renewForever(signal);
    void this.#watchRoots(signal);
  }

  async #renewForever(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const dueMs = this.#renewalTime();
      // Looked at hourly: timers are short, and a machine may have slept.
      while (!signal.aborted && dueMs > this.#options.now()) {
        await waitFor(Math.min(MAX_WAIT_MS, dueMs - this.#options.now()), signal);
      }
      if (!signal.aborted) await this.#renewUntilDone(signal);
    }
  }

  #renewalTime(): number {
    const { graceRatio, graceJitter, random, now } = this.#options;
    const certificate = this.#certificate;
    if (certificate === undefined) return now();
    const share = Math.min(1, Math.max(0, graceRatio + (random() * 2 - 1) * graceJitter));
    // Counted from its arrival: certificates start before now, because clocks differ.
    const life = certificate.notAfterMs - this.#receivedMs;
    return Math.max(now() + 1_000, certificate.notAfterMs - life * share);
  }

  async #renewUntilDone(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff({ ...BACKOFF, random: this.#options.random });
    let lastReason = '';
    while (!signal.aborted) {
      try {
        await this.#renew(signal);
        return;
      } catch (error) {
        if (signal.aborted) return;
        const reason = (error as Error).message;
        if (reason !== lastReason) this.#options.log(`no certificate yet, trying again: ${reason}`);
        lastReason = reason;
        await waitFor(backoff.nextMs(), signal);
      }
    }
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const { expectedIdentity, ttlSeconds, keyAlgorithm, readRoots, requestCertificate, log } = this.#options;
    const mounted = await readRoots();
    const privateKey = await generatePrivateKey(keyAlgorithm);
    const csr = createCsr(privateKey, { uris: [expectedIdentity] });
    const current =
      this.#certificate !== undefined && this.#certificate.notAfterMs > this.#options.now()
        ? this.#certificate
        : undefined;
    const chain = await requestCertificate({ csr, ttlSeconds, rootsPem: mounted, current, signal });
    const certificate = this.#accept(chain, privateKey);
    this.#rootOfAnswer = chain.at(-1)!;
    this.#certificate = certificate;
    this.#renewals += 1;
    this.#receivedMs = this.#options.now();
    this.#updateBundle(mounted);
    this.#tell('default');
    log(`certificate of ${certificate.identity} valid until ${new Date(certificate.notAfterMs).toISOString()}`);
  }

  /** A certificate is taken only when it is for our key and its chain leads to the root that came with it. */
  #accept(chain: readonly string[], privateKey: KeyObject): WorkloadCertificate {
    const roots = parseCertificates(chain.at(-1)!);
    const certificates = chain.slice(0, -1).flatMap((pem) => parseCertificates(pem));
    const leaf = certificates[0]!;
    if (!isKeyOf(privateKey, leaf.publicKey)) throw new Error('the CA answered a certificate for another key');
    const problem = chainProblem(certificates, roots, this.#options.now());
    if (problem !== undefined) throw new Error(`the CA answered a chain that does not verify: ${problem}`);
    const identity = uriSansOf(leaf.subjectAltName).find((uri) => tryParseSpiffe(uri) !== undefined);
    if (identity === undefined) throw new Error('the CA answered a certificate without a workload identity');
    return {
      certificateChainPem: uniqueCertificatesPem(certificates),
      privateKey: toPrivateKeyPem(privateKey),
      identity,
      notBeforeMs: Date.parse(leaf.validFrom),
      notAfterMs: Date.parse(leaf.validTo),
    };
  }

  async #watchRoots(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await waitFor(this.#options.rootsIntervalMs ?? 10_000, signal);
      if (signal.aborted) return;
      try {
        this.#updateBundle(await this.#options.readRoots());
      } catch (error) {
        this.#options.log(`keeping the roots: ${(error as Error).message}`);
      }
    }
  }

  #updateBundle(mounted: string): void {
    const texts = [mounted, this.#rootOfAnswer].filter((text) => text.trim() !== '');
    const rootsPem = uniqueCertificatesPem(texts.flatMap((text) => parseCertificates(text)));
    if (rootsPem === this.#bundle?.rootsPem) return;
    this.#bundle = { rootsPem };
    this.#tell('ROOTCA');
  }

  #tell(name: SecretName): void {
    for (const listener of this.#listeners) listener(name);
  }
}
