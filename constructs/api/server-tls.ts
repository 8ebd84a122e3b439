// TLS of a server: Gateway servers and Sidecar ingress listeners.
import { array, boolean, object, oneOf, string, type TypeOf } from './schema.ts';

const VERSIONS = ['TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3'] as const;

export const serverTls = object(
  'TLS of the server.',
  {
    caCertCredentialName: string('Secret or ConfigMap with the issuers of client certificates.'),
    caCertificates: string('File with the issuers of client certificates.'),
    caCrl: string('File with revoked certificates.'),
    cipherSuites: array('Cipher suites, in order of preference.', string('Name of a suite.')),
    credentialName: string('Secret with certificate and key.'),
    credentialNames: array(
      'Secrets with certificates and keys, one for each kind of key.',
      string('Name of a Secret.'),
      { minItems: 1, maxItems: 2 },
    ),
    ecdhCurves: array('Curves, in order of preference.', string('Name of a curve.')),
    httpsRedirect: boolean('Whether plain HTTP is redirected to HTTPS with 301.'),
    insecureSkipVerify: boolean('Whether client certificates go unchecked.', { nullable: true }),
    maxProtocolVersion: oneOf('Highest version of TLS.', VERSIONS),
    minProtocolVersion: oneOf('Lowest version of TLS, default TLSV1_2.', VERSIONS),
    mode: oneOf('Who ends TLS, and whether clients show certificates.', [
      'PASSTHROUGH',
      'SIMPLE',
      'MUTUAL',
      'AUTO_PASSTHROUGH',
      'ISTIO_MUTUAL',
      'OPTIONAL_MUTUAL',
    ]),
    privateKey: string('File with the key.'),
    serverCertificate: string('File with the certificate.'),
    subjectAltNames: array('Names of which the certificate of a client must hold one.', string('Name.')),
    tlsCertificates: array(
      'Files with certificates and keys, one for each kind of key.',
      object('Certificate and key.', {
        caCertificates: string('File with the issuers of client certificates.'),
        privateKey: string('File with the key.'),
        serverCertificate: string('File with the certificate.'),
      }),
      { minItems: 1, maxItems: 2 },
    ),
    verifyCertificateHash: array('SHA-256 of accepted client certificates.', string('Hexadecimal digest.')),
    verifyCertificateSpki: array('SHA-256 of accepted public keys of clients.', string('Base64 digest.')),
  },
  {
    rules: [
      {
        message: 'only one of credentialNames or tlsCertificates can be set',
        rule: '(has(self.tlsCertificates) ? 1 : 0) + (has(self.credentialNames) ? 1 : 0) <= 1',
      },
      {
        message: 'only one of credentialName or credentialNames can be set',
        rule: '(has(self.credentialName) ? 1 : 0) + (has(self.credentialNames) ? 1 : 0) <= 1',
      },
      {
        message: 'only one of credentialName or tlsCertificates can be set',
        rule: '(has(self.credentialName) ? 1 : 0) + (has(self.tlsCertificates) ? 1 : 0) <= 1',
      },
    ],
  },
);

export type ServerTls = TypeOf<typeof serverTls>;
