// Parsers of bytes from the network: whatever comes, they answer or throw their own errors, never anything else.
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { tryParseSpiffe } from '#lib/identity/spiffe.ts';
import { parseCsr } from '#lib/tls/certificate-request.ts';
import { children, type DerValue, decode, DerError, readOid } from '#lib/tls/der.ts';
import { PemError, parsePem, toPem } from '#lib/tls/pem.ts';

/** Fixed, so that the same bytes are tried in every run. */
const CSR = `-----BEGIN CERTIFICATE REQUEST-----
MIHuMIGUAgEAMAAwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAS/XYFT+q/3ArfU
pLY39H9q0xDFc3zsxP2oXaz3XeE1M0PCJkpSVAp+Ha+Djrl8tk5/wP6mofpe4ScD
FjGPxQuIoDIwMAYJKoZIhvcNAQkOMSMwITAfBgNVHREEGDAWhhRzcGlmZmU6Ly9h
L25zL2Ivc2EvYzAKBggqhkjOPQQDAgNJADBGAiEA9fx0Ysd84tJYj0KZAEHaVURU
8hL2KI19LlwsVdtNc1cCIQCiblB1Kz/v6XEaSKhfrY4K75VHIzc5T8GkyF5pXS9K
aw==
-----END CERTIFICATE REQUEST-----
`;
const seed = 20_260_822;
function onlyOwnErrors(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof DerError || error instanceof PemError)) throw error;
  }
}

test('random DER', () => {
  const walk = (value: DerValue, depth: number): void => {
    if ((value.tag & 0x20) !== 0 && depth < 20) for (const child of children(value)) walk(child, depth + 1);
    else onlyOwnErrors(() => readOid(value));
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => onlyOwnErrors(() => walk(decode(bytes), 0))),
    { seed, numRuns: 2000 },
  );
});

test('random text as PEM', () => {
  const piece = fc.oneof(fc.constantFrom('-----BEGIN ', '-----END ', '-----', 'CERTIFICATE', '\n', '='), fc.string());
  fc.assert(
    fc.property(fc.array(piece), (pieces) => onlyOwnErrors(() => parsePem(pieces.join('')))),
    { seed, numRuns: 2000 },
  );
});

test('a CSR with bytes changed is refused', () => {
  const der = parsePem(CSR)[0]!.der;
  fc.assert(
    fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const changed = Buffer.from(der);
      changed[at]! ^= flip;
      expect(() => parseCsr(toPem('CERTIFICATE REQUEST', changed))).toThrow();
      onlyOwnErrors(() => parseCsr(toPem('CERTIFICATE REQUEST', changed)));
    }),
    { seed, numRuns: 3000 },
  );
});

test('random identities', () => {
  fc.assert(
    fc.property(fc.string(), (path) => {
      const identity = tryParseSpiffe(`spiffe://${path}`);
      if (identity !== undefined)
        expect(`${identity.trustDomain}/ns/${identity.namespace}/sa/${identity.serviceAccount}`).toBe(path);
    }),
    { seed, numRuns: 1000 },
  );
});
