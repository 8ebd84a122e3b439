// Three projects, run one after another by `rig test`: fast (in-process), peers (real programs beside ours), e2e (a whole mesh).
const base = {
  rootDir: import.meta.dirname,
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' } }],
  },
  modulePathIgnorePatterns: ['<rootDir>/.rig/'],
  setupFilesAfterEnv: ['<rootDir>/test/harness/setup.ts'],
};
const slow = ['<rootDir>/test/peers/', '<rootDir>/test/e2e/'];

export default {
  testTimeout: 30_000,
  projects: [
    { ...base, displayName: 'fast', testMatch: ['<rootDir>/test/**/*.test.ts', '<rootDir>/apps/**/*.test.ts'], testPathIgnorePatterns: slow },
    { ...base, displayName: 'peers', testMatch: ['<rootDir>/test/peers/**/*.test.ts'] },
    { ...base, displayName: 'e2e', testMatch: ['<rootDir>/test/e2e/**/*.test.ts'] },
  ],
};
