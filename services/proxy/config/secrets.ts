// Certificates and trust bundles by SDS name, from the agent (`default`, `ROOTCA`) and from the control plane
// (`kubernetes://...`). A change raises `version`; TLS contexts are made anew for connections that start afterwards.
import { createHash } from 'node:crypto';

export interface TlsCertificate {
  /** PEM, leaf first. */
  readonly certificateChain: string;
  /** PEM. */
  readonly privateKey: string;
}

export interface TlsValidation {
  /** PEM bundle. */
  readonly trustedCa: string;
}

export class SecretStore {
  readonly #certificates = new Map<string, TlsCertificate>();
  readonly #validations = new Map<string, TlsValidation>();
  readonly #listeners = new Set<() => void>();
  #version = 0;

  get version(): number {
    return this.#version;
  }

  certificate(name: string): TlsCertificate | undefined {
    return this.#certificates.get(name);
  }

  validation(name: string): TlsValidation | undefined {
    return this.#validations.get(name);
  }

  setCertificate(name: string, certificate: TlsCertificate): void {
    this.#certificates.set(name, certificate);
    this.#changed();
  }

  setValidation(name: string, validation: TlsValidation): void {
    this.#validations.set(name, validation);
    this.#changed();
  }

  remove(name: string): void {
    const had = this.#certificates.delete(name);
    if (this.#validations.delete(name) || had) this.#changed();
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** A certificate that stands in a resource itself; its name to ask for it by. */
  keepCertificate(certificate: TlsCertificate): string {
    const name = `inline:${digest(certificate.certificateChain + certificate.privateKey)}`;
    if (!this.#certificates.has(name)) this.setCertificate(name, certificate);
    return name;
  }

  keepValidation(validation: TlsValidation): string {
    const name = `inline:${digest(validation.trustedCa)}`;
    if (!this.#validations.has(name)) this.setValidation(name, validation);
    return name;
  }

  names(): { certificates: string[]; validations: string[] } {
    return { certificates: [...this.#certificates.keys()], validations: [...this.#validations.keys()] };
  }

  #changed(): void {
    this.#version++;
    for (const listener of this.#listeners) listener();
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
